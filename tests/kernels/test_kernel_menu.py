"""Kernel list helpers (syncdoc-jupyter §13, "Kernel list helpers")."""

import pytest

from cocalc_jupyter_ext.kernels.kernel_menu import (
    compare_versions,
    group_kernels,
    is_version,
    newest_of_family,
)


def kernel(name, language="python", **cocalc):
    return {"name": name, "language": language, "metadata": {"cocalc": cocalc}}


def sage(version, **cocalc):
    return kernel(f"sage-{version}", "sage", family="sage", version=version, **cocalc)


@pytest.mark.parametrize("version", ["1", "10.2", "1.2.3", "007.1"])
def test_dotted_numbers_are_a_version(version: str) -> None:
    assert is_version(version)


@pytest.mark.parametrize(
    "version", ["", ".", "1.", ".1", "1..2", "1.a", "v1", " 1", "1\n", 1, None]
)
def test_everything_else_is_none(version: object) -> None:
    assert not is_version(version)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("1", "2", -1),
        ("10", "9", 1),
        ("1.10", "1.9", 1),
        ("1.2", "1.2", 0),
        ("1.2", "1.2.0", -1),
        ("2", "1.9.9", 1),
    ],
)
def test_versions_compare_as_numbers_and_shorter_is_smaller(left, right, expected) -> None:
    assert compare_versions(left, right) == expected
    assert compare_versions(right, left) == -expected


def test_comparing_what_is_no_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="'new' is not a version"):
        compare_versions("1", "new")


def test_the_newest_of_the_family_is_offered() -> None:
    kernels = [sage("9.8"), sage("10.1"), sage("9.10"), kernel("other", family="x", version="99")]

    assert newest_of_family("sage-9.8", kernels) == sage("10.1")
    assert newest_of_family("Sage-9.10", kernels) == sage("10.1")


def test_nothing_is_offered_to_the_newest() -> None:
    assert newest_of_family("sage-10.1", [sage("9.8"), sage("10.1")]) is None


@pytest.mark.parametrize(
    "current",
    [kernel("k"), kernel("k", family="sage"), kernel("k", version="1"), {"name": "k"}],
    ids=["nothing", "no version", "no family", "no metadata"],
)
def test_nothing_is_offered_without_a_family_and_a_version(current) -> None:
    assert newest_of_family("k", [current, sage("10.1")]) is None


def test_disabled_deprecated_and_wrongly_versioned_ones_are_not_offered() -> None:
    kernels = [
        sage("9.8"),
        sage("10.1", disabled=True),
        sage("10.2", priority=-1),
        kernel("odd", family="sage", version="new"),
    ]

    assert newest_of_family("sage-9.8", kernels) is None
    assert newest_of_family("odd", kernels) is None


@pytest.mark.parametrize("name", [None, "", "unknown"])
def test_an_empty_or_unknown_name_gives_none(name) -> None:
    assert newest_of_family(name, [sage("9.8"), sage("10.1")]) is None
    assert newest_of_family(name, []) is None


def test_a_disabled_kernel_is_hidden_and_a_deprecated_one_is_visible_but_last() -> None:
    kernels = [kernel("old", priority=-1), kernel("off", disabled=True), kernel("new")]

    groups = group_kernels(kernels)

    assert list(groups.by_name) == ["new", "old"]
    assert groups.by_language == {"python": ["new", "old"]}


def test_a_kernel_without_a_language_is_in_the_group_misc() -> None:
    groups = group_kernels([kernel("a", language=""), {"name": "b"}, kernel("c", language="R")])

    assert groups.by_language == {"misc": ["a", "b"], "r": ["c"]}


def test_a_high_priority_is_a_suggestion() -> None:
    groups = group_kernels([kernel("a", priority=9), kernel("b", priority=10), kernel("c")])

    assert groups.suggested == ["b"]
