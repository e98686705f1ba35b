"""Code that moves pooled kernels (syncdoc-jupyter §5; §13, "Kernels": escapes quotes)."""

import os
import subprocess
from pathlib import Path

import pytest

from cocalc_jupyter_ext.kernels.startup_code import (
    chdir_code,
    is_known,
    setenv_code,
    startup_code,
)

NASTY = "a 'b' \"c\" \\d $HOME `e` $(f) #{g} é\U0001f600"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / NASTY
    made.mkdir()
    return made


@pytest.mark.parametrize(
    "language",
    [
        *("python", "python3", "Python", "sage", "sagemath", "R", "julia", "octave", "matlab"),
        *("javascript", "bash", "sh", "prolog", "c", "c++", "C++17"),
    ],
)
def test_the_languages_of_the_contract_are_known(language: str) -> None:
    assert is_known(language)
    assert chdir_code(language, "/x")
    assert "N" in setenv_code(language, {"N": "v"})


@pytest.mark.parametrize("language", ["", "fortran", "cobol", "ruby", "crystal"])
def test_other_languages_are_not(language: str) -> None:
    assert not is_known(language)
    with pytest.raises(LookupError, match="no code is known"):
        chdir_code(language, "/x")


def test_sparql_needs_no_code() -> None:
    assert is_known("sparql")
    assert startup_code("sparql", "/x", {"N": "v"}) == ""


def test_python_code_escapes_quotes_and_leaves_no_names(folder: Path) -> None:
    code = startup_code("python", str(folder), {"A": NASTY, "B": "2"})
    before, names = Path.cwd(), {}
    try:
        exec(code, names)
        assert Path.cwd() == folder
        assert (os.environ["A"], os.environ["B"]) == (NASTY, "2")
    finally:
        os.chdir(before)
        os.environ.pop("A", None), os.environ.pop("B", None)
    assert set(names) == {"__builtins__"}


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shell_code_escapes_quotes(shell: str, folder: Path) -> None:
    code = startup_code("bash", str(folder), {"A": NASTY})
    script = f'{code}\npwd; printf "%s" "$A"'

    ran = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{folder}\n{NASTY}"


def test_a_path_that_looks_like_an_option_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "-P").mkdir()
    script = f"{chdir_code('bash', '-P')} && pwd"

    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"{tmp_path}/-P\n"


def test_javascript_code_escapes_quotes(folder: Path) -> None:
    script = startup_code("javascript", str(folder), {"A": NASTY})
    script += "\nprocess.stdout.write(process.cwd() + '\\n' + process.env.A)"

    ran = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{folder}\n{NASTY}"


def test_c_code_escapes_everything_but_letters_and_digits(folder: Path, tmp_path: Path) -> None:
    lines = startup_code("c", str(folder), {"A": NASTY}).splitlines()
    includes = [line for line in lines if line.startswith("#")]
    statements = [line for line in lines if not line.startswith("#")]
    at_last = 'char at[999]; printf("%s\\n%s", getcwd(at, 999), getenv("A")); return 0; }'
    source = "\n".join([*includes, "#include <stdio.h>", "int main(void) {", *statements, at_last])
    (tmp_path / "a.c").write_text(source)
    subprocess.run(["gcc", "-o", tmp_path / "a", tmp_path / "a.c"], check=True)

    ran = subprocess.run([tmp_path / "a"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{folder}\n{NASTY}"


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("r", 'invisible(setwd("a\\"\\\\b"))'),
        ("julia", 'cd("a\\"\\\\b");'),
        ("octave", "cd('a\"\\b');"),
        ("prolog", "?- cd('a\"\\\\b')."),
    ],
)
def test_quotes_and_backslashes_are_escaped_as_the_language_does_it(language, code) -> None:
    assert chdir_code(language, 'a"\\b') == code


def test_what_a_text_of_the_language_would_compute_stays_text() -> None:
    assert chdir_code("julia", "$(run(`x`))") == 'cd("\\$(run(`x`))");'
    assert chdir_code("octave", "it's") == "cd('it''s');"
    assert chdir_code("prolog", "it's") == "?- cd('it\\'s')."
