"""conat-core §3.3; SPEC X1, X2."""

import pytest

from cocalc_jupyter_ext.conat import errors
from cocalc_jupyter_ext.conat.errors import (
    ClientClosed,
    CodecError,
    ConatError,
    Disconnected,
    EventError,
    InvalidSubject,
    LimitExceeded,
    NoSubscribers,
    PermissionDenied,
    ProtocolError,
    RemoteError,
    RequestTimeout,
    SignInFailed,
    from_wire,
    to_wire,
)

DENIED = PermissionDenied("publishing to", "a.b", '{"account_id":"x"}')


@pytest.mark.parametrize(
    ("error", "wire"),
    [
        (InvalidSubject("a..b"), {"error": "Error: invalid subject"}),
        (InvalidSubject("a..b", "publish"), {"error": "Error: invalid publish subject 'a..b'"}),
        (
            DENIED,
            {
                "error": 'Error: permission denied publishing to \'a.b\' from {"account_id":"x"}',
                "code": 403,
            },
        ),
        (RequestTimeout("timeout"), {"error": "Error: timeout", "code": 408}),
        (LimitExceeded("too many"), {"error": "Error: too many", "code": 429}),
        (
            NoSubscribers("x"),
            {"error": "Error: request -- no subscribers matching 'x'", "code": 503},
        ),
        (Disconnected(), {"error": "Error: socket has been disconnected"}),
        (ClientClosed(), {"error": "Error: closed"}),
        (SignInFailed("no", 429), {"error": "Error: failed to sign in: no", "code": 429}),
        (CodecError("c"), {"error": "Error: c"}),
        (ProtocolError("p"), {"error": "Error: p"}),
        (EventError("e"), {"error": "Error: e"}),
    ],
)
def test_errors_on_the_wire(error: ConatError, wire: dict[str, object]) -> None:
    """conat-core §3.3: the form {error, code}."""
    assert to_wire(error) == wire


def test_some_errors_have_no_prefix_on_the_wire() -> None:
    """conat-core §3.3: the form {error, code}."""
    assert to_wire(InvalidSubject(), prefix="") == {"error": "invalid subject"}


@pytest.mark.parametrize("wire", [{"error": "Error: x", "code": 7}, {"error": "x"}])
def test_an_error_of_the_peer_keeps_text_and_code(wire: dict[str, object]) -> None:
    error = from_wire(wire)

    assert isinstance(error, RemoteError)
    assert str(error) == wire["error"]
    assert error.code == wire.get("code")


def test_a_code_is_a_number_or_a_word_and_nothing_else() -> None:
    assert from_wire({"error": "x", "code": 403}).code == 403
    assert from_wire({"error": "x", "code": "reject"}).code == "reject"
    assert from_wire({"error": "x", "code": [7]}).code is None


def test_every_error_has_the_same_root() -> None:
    classes = [getattr(errors, name) for name in errors.__all__ if name[0].isupper()]

    assert all(issubclass(each, ConatError) for each in classes)
