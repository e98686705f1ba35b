"""How a browser is asked to print."""

import os
from pathlib import Path

import pytest

from cocalc_jupyter_ext.project.conversion.printing import PrintSettings, print_command


def flags(*, sandbox: bool = True) -> list[str]:
    start = print_command(
        "/usr/bin/chromium",
        Path("/home/a b#1.html"),
        Path("/home/a.pdf"),
        profile=Path("/tmp/profile"),
        env={"HOME": "/home"},
        settings=PrintSettings(sandbox=sandbox),
    )
    assert start.env["HOME"] == "/tmp/profile"
    return list(start.argv)


def test_the_page_is_an_address_whatever_its_name() -> None:
    assert flags()[0] == "/usr/bin/chromium"
    assert flags()[-1] == "file:///home/a%20b%231.html"
    assert "--print-to-pdf=/home/a.pdf" in flags()
    assert "--user-data-dir=/tmp/profile" in flags()


def test_scripts_of_notebooks_run_in_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--no-sandbox" not in flags()
    assert "--no-sandbox" in flags(sandbox=False)


def test_root_has_no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--no-sandbox" in flags()
