"""conat-core §13.2; SPEC A5."""

import pytest

from cocalc_jupyter_ext.conat.authentication.api_keys import parse_api_key

RANDOM = "aB3dE6gH9jK2mN5p"


@pytest.mark.parametrize(
    ("end", "number"),
    [("000000", 0), ("00000a", 10), ("00000Z", 61), ("000010", 62), ("2lkCB1", 2**31 - 1)],
)
def test_the_end_of_a_key_names_its_record(end: str, number: int) -> None:
    key = parse_api_key(f"sk-{RANDOM}{end}")

    assert key is not None
    assert (key.secret, key.id) == (f"sk-{RANDOM}{end}", number)


@pytest.mark.parametrize(
    "text", [f"sk-{RANDOM}2lkCB2", f"sk-{RANDOM}ZZZZZZ", "sk_old", "sk-old", f"sk_{RANDOM}000001"]
)
def test_keys_of_old_accounts_name_no_record(text: str) -> None:
    key = parse_api_key(text)

    assert key is not None
    assert (key.secret, key.id) == (text, None)


@pytest.mark.parametrize(
    "text", ["", "sk-", "pk-abc", "SK-abc", "sk-a b", "sk-a\n", "sk-é", f"sk-{'x' * 254}"]
)
def test_other_texts_are_no_keys(text: str) -> None:
    assert parse_api_key(text) is None


def test_a_key_keeps_its_secret_to_itself() -> None:
    assert RANDOM not in repr(parse_api_key(f"sk-{RANDOM}000001"))
