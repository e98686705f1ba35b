"""What functions read from the one object that callers give them (hub-project-api §3.2)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.project.arguments import Arguments, path_of
from cocalc_jupyter_ext.project.dispatch import ApiError


def arguments(**values: Any) -> Arguments:
    return Arguments("group.function", values)


def test_values_are_returned_as_they_came() -> None:
    given = arguments(text="a", number=1.5, flag=1, texts=["a"], mapping={"a": 1}, path="a/b")

    assert given.text("text") == "a"
    assert given.number("number") == 1.5
    assert given.integer("number") == 1
    assert given.flag("flag") is True
    assert given.texts("texts") == ["a"]
    assert given.mapping("mapping") == {"a": 1}
    assert given.path("path") == "a/b"


def test_null_and_missing_are_the_same() -> None:
    for given in (arguments(a=None), Arguments("f", None)):
        assert given.text("a", "default") == "default"
        assert given.integer("a", None) is None
        assert given.flag("a", default=True) is True
        assert not given.has("a")
        with pytest.raises(ApiError, match="a is missing"):
            given.text("a")


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda: arguments(a=1).text("a"), r"group\.function: a must be a text"),
        (lambda: arguments(a="1").number("a"), "a must be a number"),
        (lambda: arguments(a=-1).number("a"), "a number from 0"),
        (lambda: arguments(a=float("nan")).number("a"), "a number from 0"),
        (lambda: arguments(a=float("inf")).number("a"), "a number from 0"),
        (lambda: arguments(a=True).number("a"), "a number from 0"),
        (lambda: arguments(a="ab").texts("a"), "a list of texts"),
        (lambda: arguments(a=["a", 1]).texts("a"), "a list of texts"),
        (lambda: arguments(a=[]).mapping("a"), "an object"),
        (lambda: arguments(a="x" * 5_000).path("a"), "at most 4096 characters"),
        (lambda: path_of("a\0b", "path"), "path must be a text"),
        (lambda: Arguments("f", ["a"]), "must be an object"),
    ],
)
def test_what_has_the_wrong_type_is_refused_by_name(read: Any, reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        read()
