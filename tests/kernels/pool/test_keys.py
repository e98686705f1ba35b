"""Which kernels are alike (syncdoc-jupyter §5)."""

import json

import pytest

from cocalc_jupyter_ext.kernels.pool.keys import (
    PoolKey,
    is_pooled,
    key_from_launch,
    key_from_text,
)

BASE = {"PATH": "/bin", "HOME": "/h"}


def test_folder_and_notebook_make_no_difference() -> None:
    notebook = {"COCALC_JUPYTER_FILENAME": "a.ipynb", "JPY_SESSION_NAME": "/h/a.ipynb"}

    assert key_from_launch("python3", {**BASE, **notebook}, BASE) == PoolKey("python3")


def test_name_other_variables_and_limits_do() -> None:
    keys = {
        key_from_launch("python3", BASE, BASE),
        key_from_launch("ir", BASE, BASE),
        key_from_launch("python3", {**BASE, "A": "1"}, BASE),
        key_from_launch("python3", {**BASE, "PATH": "/x"}, BASE),
        key_from_launch("python3", {"PATH": "/bin"}, BASE),
        key_from_launch("python3", BASE, BASE, ulimit="-t 30"),
    }

    assert len(keys) == 6


def test_a_key_gives_the_environment_that_it_was_made_from() -> None:
    env = {"PATH": "/x", "A": "1"}

    assert key_from_launch("python3", env, BASE).environment(BASE) == env


@pytest.mark.parametrize(
    "key",
    [PoolKey("python3"), PoolKey("x", (("A", "1"), ("B", "é\n")), ("C",), "-t 30 -n 9")],
)
def test_the_text_is_canonical_json_and_can_be_read_again(key: PoolKey) -> None:
    text = key.to_text()

    assert key_from_text(text) == key
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert set(json.loads(text)) == {"name", "opts"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        "null",
        "{}",
        '{"name": 1}',
        '{"name": "x", "opts": 1}',
        '{"name": "x", "opts": {"env": [1]}}',
        '{"name": "x", "opts": {"env": {"a": 1}}}',
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert key_from_text(text) is None


@pytest.mark.parametrize(
    ("name", "language", "pooled"),
    [
        ("python3", "python", True),
        ("ir", "R", True),
        ("julia-1.10", "julia", False),
        ("My-JULIA", "python", False),
        ("python3", "", False),
        ("fortran", "fortran", False),
        ("sparql", "sparql", True),
    ],
)
def test_julia_and_unknown_languages_are_not_pooled(name, language, pooled) -> None:
    assert is_pooled(name, language) is pooled
