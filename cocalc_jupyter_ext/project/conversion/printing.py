"""Prints a page to a PDF file with a browser that has no screen (syncdoc-jupyter §10)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..processes import Start

__all__ = ["PRINT_TIMEOUT_S", "PrintSettings", "print_command"]

PRINT_TIMEOUT_S: Final = 30.0
_SCRIPTS_MS: Final = 10_000
"""For how long, on the page's own clock, its scripts may go on, for instance to set formulas."""


@dataclass(frozen=True, slots=True)
class PrintSettings:
    """``sandbox`` keeps the scripts of pages away from the system.

    Chromium has none for the user root, and none in containers without user namespaces.
    """

    sandbox: bool = True


def print_command(
    browser: str,
    page: Path,
    target: Path,
    *,
    profile: Path,
    env: Mapping[str, str],
    settings: PrintSettings,
) -> Start:
    """Return how to print a page; ``profile`` is a folder for the browser's own data."""
    flags = [
        "--headless",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-extensions",
        "--no-pdf-header-footer",
        f"--user-data-dir={profile}",
        f"--virtual-time-budget={_SCRIPTS_MS}",
        f"--print-to-pdf={target}",
    ]
    if not settings.sandbox or os.geteuid() == 0:
        flags.append("--no-sandbox")
    return Start([browser, *flags, page.as_uri()], profile, {**env, "HOME": str(profile)})
