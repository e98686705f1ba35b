from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_hub_ext.proxy.errors import InvalidRouteError
from cocalc_hub_ext.proxy.routes import MAX_ROUTESPEC_CHARS, RouteTable

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def table_of(*routespecs: str, by_host: bool = False) -> RouteTable:
    table = RouteTable(by_host=by_host)
    for number, routespec in enumerate(routespecs, start=1):
        table.add(routespec, f"http://127.0.0.1:{number}", {}, NOW)
    return table


def matched(table: RouteTable, path: str, host: str = "hub.test") -> str | None:
    route = table.match(host, path)
    return route.routespec if route else None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/elsewhere", "/"),
        ("/user/a", "/user/a/"),
        ("/user/a/", "/user/a/"),
        ("/user/a/lab/tree/x", "/user/a/"),
        ("/user/a/c1", "/user/a/c1/"),
        ("/user/a/c1/lab", "/user/a/c1/"),
        ("/user/ab", "/"),
        ("/user", "/"),
        ("//user//a//lab", "/user/a/"),
    ],
)
def test_the_longest_prefix_of_whole_segments_wins(path: str, expected: str) -> None:
    assert matched(table_of("/", "/user/a/", "/user/a/c1/"), path) == expected


def test_without_any_matching_route_there_is_none() -> None:
    assert matched(table_of("/base/"), "/user/a/") is None
    assert matched(RouteTable(), "/") is None


def test_segments_are_compared_decoded_but_an_encoded_slash_separates_nothing() -> None:
    table = table_of("/user/a%40b/", "/user/x%2Fy/")

    assert matched(table, "/user/a@b/lab") == "/user/a%40b/"
    assert matched(table, "/user/x%2fy/lab") == "/user/x%2Fy/"
    assert matched(table, "/user/x/y/lab") is None


def test_a_removed_route_leaves_the_shorter_one_in_charge() -> None:
    table = table_of("/", "/user/a/")

    assert table.remove("/user/a/") is True
    assert table.remove("/user/a/") is False
    assert matched(table, "/user/a/lab") == "/"
    assert len(table) == 1


def test_adding_again_replaces_the_target_and_keeps_the_activity() -> None:
    table = table_of("/user/a/")

    table.add("/user/a/", "http://127.0.0.1:99/", {"user": "a"}, LATER)

    (route,) = table
    assert (route.target, route.data) == ("http://127.0.0.1:99", {"user": "a"})
    assert route.last_activity == NOW


def test_hosts_are_told_apart_without_regard_to_case_and_port() -> None:
    table = table_of("/", "a.test/user/a/", "b.test/user/a/", by_host=True)

    assert matched(table, "/user/a/lab", "A.test:8000") == "a.test/user/a/"
    assert matched(table, "/user/a/lab", "b.test") == "b.test/user/a/"
    assert matched(table, "/user/a/lab", "c.test") == "/"
    assert matched(table, "/other", "a.test") == "/"


def test_an_ipv6_host_is_not_cut_at_its_colons() -> None:
    table = table_of("[::1]/", by_host=True)

    assert matched(table, "/x", "[::1]") == "[::1]/"
    assert matched(table, "/x", "[::1]:8000") == "[::1]/"


@pytest.mark.parametrize(
    ("routespec", "target", "by_host"),
    [
        ("", "http://127.0.0.1:1", False),
        ("a.test/x/", "http://127.0.0.1:1", False),
        ("/x/", "http://127.0.0.1:1", True),
        ("/" + "x" * MAX_ROUTESPEC_CHARS, "http://127.0.0.1:1", False),
        ("/x/", "ftp://127.0.0.1:1", False),
        ("/x/", "http://", False),
        ("/x/", "http://127.0.0.1:99999", False),
        ("/x/", "http://127.0.0.1:1/path", False),
        ("/x/", "http://name@127.0.0.1:1", False),
        ("/x/", "http+unix://%2Ftmp%2Fs", False),
    ],
)
def test_a_route_that_could_never_work_is_refused(
    routespec: str, target: str, by_host: bool
) -> None:
    table = RouteTable(by_host=by_host)

    with pytest.raises(InvalidRouteError):
        table.add(routespec, target, {}, NOW)
    assert len(table) == 0


segment = st.text("abc%/.", min_size=1, max_size=3).map(lambda text: text.replace("/", "%2F"))
paths = st.lists(segment, max_size=4).map(lambda parts: "/" + "".join(f"{p}/" for p in parts))


@given(st.lists(paths, max_size=8, unique=True), paths, paths)
def test_a_match_is_always_the_longest_added_prefix(
    routespecs: list[str], prefix: str, rest: str
) -> None:
    table = table_of(*routespecs)
    path = prefix + rest.lstrip("/")

    candidates = [spec for spec in routespecs if path.startswith(spec)]
    found = table.match("", path)

    longest = max(candidates, key=len, default=None)
    if longest is not None:
        assert found is not None
        assert found.routespec.count("/") >= longest.count("/")
