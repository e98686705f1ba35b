import pytest

from cocalc_jupyter_ext.server.api_paths import normal_path


@pytest.mark.parametrize("path", ["a/b.txt", "/a/b.txt", "a//b.txt", "./a/b.txt", "a/c/../b.txt"])
def test_all_spellings_become_one(path: str) -> None:
    assert normal_path(path) == "a/b.txt"


def test_a_way_out_stays_visible_so_that_it_is_refused() -> None:
    assert normal_path("a/../../b.txt") == "../b.txt"
