"""conat-core §13.1; SPEC A2."""

import pytest

from cocalc_jupyter_ext.conat.authentication.cookies import cookie_name, header, parse_cookies


@pytest.mark.parametrize(
    ("text", "cookies"),
    [
        ("", {}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;", {"a": "1", "b": "2"}),
        (" a = 1 ;\tb\t=\t2", {"a": "1", "b": "2"}),
        ("a=1; a=2", {"a": "1"}),
        ("a=; a=2", {"a": ""}),
        ("a=b64=+/==", {"a": "b64=+/=="}),
        ("flag; a=1", {"a": "1"}),
        ("=nameless; a=1", {"a": "1"}),
        ('a="quoted"', {"a": '"quoted"'}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
    ],
)
def test_the_first_cookie_of_a_name_wins(text: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(text) == cookies


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ("a%20b", "a b"),
        ("%e2%82%ac", "€"),
        ("€%20", "€ "),
        ("100%", "100%"),
        ("%zz%20", "%zz%20"),
        ("%2", "%2"),
        ("%ff", "%ff"),
        ("%20%ff", "%20%ff"),
        ("%e2x%82%ac", "%e2x%82%ac"),
        ("%ed%a0%80", "%ed%a0%80"),
        ("a+b", "a+b"),
        ("%25%32%30", "%20"),
    ],
)
def test_values_are_decoded_when_all_their_escapes_are_valid(value: str, decoded: str) -> None:
    assert parse_cookies(f"a={value}") == {"a": decoded}


@pytest.mark.parametrize(
    ("base_path", "name"),
    [
        ("", "hub_password"),
        ("/", "hub_password"),
        ("/abc/port/5000", "%2Fabc%2Fport%2F5000hub_password"),
        ("/abc/", "%2Fabchub_password"),
        ("/a b~!'()*-._é", "%2Fa%20b~!'()*-._%C3%A9hub_password"),
    ],
)
def test_names_begin_with_the_encoded_base_path(base_path: str, name: str) -> None:
    assert cookie_name("hub_password", base_path) == name


def test_headers_are_found_whatever_their_case() -> None:
    assert header({"COOKIE": "a=1"}, "Cookie") == "a=1"
    assert header({}, "Cookie") is None
