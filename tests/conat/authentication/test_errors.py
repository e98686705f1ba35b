"""conat-core §2.3; SPEC A1."""

from cocalc_jupyter_ext.conat.authentication.errors import AuthenticationFailed
from cocalc_jupyter_ext.conat.errors import to_wire


def test_a_refusal_has_the_text_of_the_contract_and_no_code() -> None:
    assert to_wire(AuthenticationFailed("invalid hub password")) == {
        "error": "Error: invalid hub password"
    }
