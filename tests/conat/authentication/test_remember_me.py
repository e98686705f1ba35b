"""conat-core §13.3; SPEC A7."""

import hashlib
import hmac

import pytest

from cocalc_jupyter_ext.conat.authentication.errors import AuthenticationFailed
from cocalc_jupyter_ext.conat.authentication.remember_me import parse_remember_me

UUID = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
SALT = "0123456789abcdef0123456789abcdef"


def test_the_lookup_hash_is_made_by_repeated_hmac_and_cut_off() -> None:
    once = hmac.new(SALT.encode(), UUID.encode(), hashlib.sha512).hexdigest()
    twice = hmac.new(SALT.encode(), once.encode(), hashlib.sha512).hexdigest()

    lookup_hash = parse_remember_me(f"sha512${SALT}$2${UUID}").lookup_hash
    assert lookup_hash == f"sha512${SALT}$2${twice}"[:127]
    assert len(lookup_hash) == 127


def test_a_short_hash_is_whole() -> None:
    once = hmac.new(b"salt", b"x", hashlib.sha1).hexdigest()

    assert parse_remember_me("sha1$salt$1$x").lookup_hash == f"sha1$salt$1${once}"


def test_issued_tokens_and_the_most_iterations_are_taken() -> None:
    assert parse_remember_me(f"sha512${SALT}$1000${UUID}").iterations == 1_000
    assert parse_remember_me(f"sha512${SALT}$10000${UUID}").iterations == 10_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha512$salt$1",
        f"sha512$salt$1${UUID}$more",
        f"sha512$salt$10001${UUID}",
        f"sha512$salt$0${UUID}",
        f"sha512$salt$-1${UUID}",
        f"sha512$salt$x${UUID}",
        f"sha512$salt$\u0661${UUID}",
        f"sha512$salt$1e3${UUID}",
        f"md5$salt$1${UUID}",
        f"shake_128$salt$1${UUID}",
        f"nonsense$salt$1${UUID}",
        f"sha512${'s' * 129}$1${UUID}",
        f"sha512$salt${'0' * 5_000}1${UUID}",
    ],
)
def test_what_is_badly_formatted_is_refused_without_work(text: str) -> None:
    with pytest.raises(AuthenticationFailed, match="badly formatted remember_me cookie"):
        parse_remember_me(text)


def test_a_token_keeps_its_secret_to_itself() -> None:
    shown = repr(parse_remember_me(f"sha512${SALT}$1${UUID}"))

    assert UUID not in shown
    assert SALT not in shown
