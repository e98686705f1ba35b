"""Finds a browser that can run without a screen."""

import shutil
from typing import Final

__all__ = ["BROWSERS", "find_browser"]

BROWSERS: Final = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")


def find_browser(path: str) -> str | None:
    """Return the first Chrome or Chromium on a search path; None if there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name, path=path))), None)
