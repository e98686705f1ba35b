"""syncdoc-jupyter §10: google-chrome or chromium-browser; Debian's is chromium."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.project.browsers import BROWSERS, find_browser


@pytest.mark.parametrize("name", BROWSERS)
def test_a_browser_is_found_under_each_of_its_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch(mode=0o755)

    assert find_browser(str(tmp_path)) == str(tmp_path / name)
    assert "chromium" in BROWSERS


def test_without_a_browser_there_is_none(tmp_path: Path) -> None:
    assert find_browser(str(tmp_path)) is None
