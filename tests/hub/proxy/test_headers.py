import pytest
from multidict import CIMultiDict

from cocalc_hub_ext.proxy.headers import Client, end_to_end, forwarded, is_websocket_request

CLIENT = Client(address="192.0.2.7", port=8000, scheme="https")


def test_fields_of_one_connection_stay_on_it() -> None:
    headers = CIMultiDict(
        {
            "Connection": "close, X-Private",
            "Keep-Alive": "timeout=5",
            "Transfer-Encoding": "chunked",
            "Upgrade": "h2c",
            "HTTP2-Settings": "x",
            "Te": "trailers",
            "Proxy-Authorization": "Basic x",
            "x-private": "1",
            "Authorization": "token abc",
        }
    )

    assert dict(end_to_end(headers)) == {"Authorization": "token abc"}


def test_fields_that_come_several_times_all_pass() -> None:
    headers = CIMultiDict([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    assert end_to_end(headers).getall("set-cookie") == ["a=1", "b=2"]


def test_the_target_learns_who_asked_and_how() -> None:
    headers = forwarded(CIMultiDict({"Host": "hub.test:8000"}), CLIENT)

    assert dict(headers) == {
        "Host": "hub.test:8000",
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Port": "8000",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "hub.test:8000",
    }


def test_a_proxy_in_front_is_kept_in_the_forwarded_fields() -> None:
    before = CIMultiDict(
        [
            ("Host", "inner"),
            ("X-Forwarded-For", "203.0.113.1"),
            ("X-Forwarded-For", "203.0.113.2"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", "public.test"),
        ]
    )

    headers = forwarded(before, CLIENT)

    assert headers.getall("X-Forwarded-For") == ["203.0.113.1,203.0.113.2,192.0.2.7"]
    assert headers["X-Forwarded-Proto"] == "http,https"
    assert headers["X-Forwarded-Host"] == "public.test"


def test_an_expectation_that_was_answered_is_not_passed_on() -> None:
    assert "Expect" not in forwarded(CIMultiDict({"Expect": "100-continue"}), CLIENT)


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        ("GET", {"Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket"}, True),
        ("POST", {"Connection": "Upgrade", "Upgrade": "websocket"}, False),
        ("GET", {"Connection": "Upgrade", "Upgrade": "h2c"}, False),
        ("GET", {"Connection": "keep-alive", "Upgrade": "websocket"}, False),
        ("GET", {}, False),
    ],
)
def test_a_websocket_request_is_a_get_that_upgrades(
    method: str, fields: dict[str, str], expected: bool
) -> None:
    assert is_websocket_request(method, CIMultiDict(fields)) is expected
