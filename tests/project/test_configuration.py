"""hub-project-api §4.11."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.project.configuration import Configuration
from cocalc_jupyter_ext.project.dispatch import ApiError


class Machine:
    """A machine with those programs that the test puts there."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000.0
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.home.mkdir()
        self.bin.mkdir()
        environ = {"PATH": str(self.bin)}
        self.configuration = Configuration(self.home, environ, lambda: self.now).configuration

    def install(self, *names: str) -> None:
        for name in names:
            (self.bin / name).touch(mode=0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_it_tells_which_programs_are_there(machine: Machine) -> None:
    machine.install("R", "rustfmt", "sha1sum", "chromium", "latexmk", "pandoc", "clang-format")

    answer = await machine.configuration("main")
    told = answer["capabilities"]

    assert answer["timestamp"] == 1_000_000
    assert told["jupyter"]["kernelspec"] is True
    assert (told["rmd"], told["qmd"], told["pandoc"], told["html2pdf"]) == (True, False, True, True)
    assert told["hashsums"] == {"sha1sum": True, "sha256sum": False, "md5sum": False}
    assert told["latex"] is False
    assert told["homeDirectory"] == str(machine.home)
    formatting = told["formatting"]
    assert {name for name, there in formatting.items() if there} == {
        "yapf",  # of the server's own environment
        "rustfmt",
        "formatR",
        "clang-format",
    }
    assert {"biber", "yapf3", "black", "autopep8", "tidy", "prettier"} <= formatting.keys()


async def test_latex_needs_all_of_its_programs(machine: Machine) -> None:
    machine.install("pdflatex", "latexmk", "synctex", "sha1sum")

    assert (await machine.configuration("main"))["capabilities"]["latex"] is True


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 'SageMath version 10.4, Release Date: 2024-07-19'", [10, 4]),
        ("echo 'SageMath version 9.8.beta3'", [9, 8]),
        ("exit 1", None),
    ],
)
async def test_the_version_of_sage_is_a_list_of_numbers(
    machine: Machine, script: str, version: list[int] | None
) -> None:
    (machine.bin / "sage").write_text(f"#!/bin/sh\n{script}\n")
    (machine.bin / "sage").chmod(0o755)

    told = (await machine.configuration("main"))["capabilities"]

    assert told["sage"] is True
    assert told.get("sage_version") == version


async def test_a_sage_that_cannot_be_started_has_no_version(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.install("sage")

    told = (await machine.configuration("main"))["capabilities"]

    assert "sage_version" not in told
    assert "clients are not told the version of Sage: cannot start 'sage'" in caplog.text


async def test_programs_in_the_users_own_folders_count(machine: Machine) -> None:
    (machine.home / ".local" / "bin").mkdir(parents=True)
    (machine.home / ".local" / "bin" / "jq").touch(mode=0o755)
    (machine.home / "node_modules" / ".bin").mkdir(parents=True)
    (machine.home / "node_modules" / ".bin" / "prettier").touch(mode=0o755)

    told = (await machine.configuration("main"))["capabilities"]

    assert told["jq"] is True
    assert told["formatting"]["prettier"] is True


async def test_what_was_found_is_kept_and_looked_for_again_on_request(machine: Machine) -> None:
    first = await machine.configuration("main")
    machine.install("jq")
    machine.now += 100
    assert await machine.configuration("main") == first

    again = await machine.configuration("main", True)
    assert again["capabilities"]["jq"] is True
    machine.now += 14
    assert await machine.configuration("main", True) == again  # not oftener than every 15 s
    machine.now += 1
    assert (await machine.configuration("main", True))["timestamp"] > again["timestamp"]


async def test_the_programs_with_windows(machine: Machine) -> None:
    machine.install("xterm")

    told = (await machine.configuration("x11"))["capabilities"]

    assert told["xterm"] is True
    assert told["gimp"] is False


@pytest.mark.parametrize("aspect", ["other", None, 7, []])
async def test_an_unknown_aspect_is_an_error(machine: Machine, aspect: object) -> None:
    with pytest.raises(ApiError, match="main, x11"):
        await machine.configuration(aspect)
