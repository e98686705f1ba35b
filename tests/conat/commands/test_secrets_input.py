"""Secrets come from files or the environment, and are never repeated in errors."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.commands.secrets_input import read_secret


def test_a_file_comes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" from file\n")

    assert read_secret(file, "NAME", {"NAME": "from environment"}) == "from file"


@pytest.mark.parametrize(
    ("environ", "secret"), [({"NAME": "a\n"}, "a"), ({"NAME": ""}, None), ({}, None)]
)
def test_the_environment_is_asked_without_a_file(
    environ: dict[str, str], secret: str | None
) -> None:
    assert read_secret(None, "NAME", environ) == secret


def test_a_missing_file_is_an_error_even_if_the_environment_has_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the secret in .*No such file"):
        read_secret(tmp_path / "none", "NAME", {"NAME": "a"})


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")

    with pytest.raises(ValueError, match="empty; write the secret into it"):
        read_secret(tmp_path / "empty", "NAME", {})


def test_bytes_that_are_no_text_are_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"hunter2\xff")

    with pytest.raises(ValueError, match="not UTF-8") as caught:
        read_secret(tmp_path / "binary", "NAME", {})
    assert "hunter2" not in str(caught.value)
