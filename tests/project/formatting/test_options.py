"""syncdoc-jupyter §11, the options."""

from typing import Any

import pytest

from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.formatting.options import FormatOptions, read_options


def test_what_a_client_sends() -> None:
    sent = {"parser": "python", "tabWidth": 3, "useTabs": True, "lastChanged": 1_700_000_000_123}

    assert read_options("f", sent) == FormatOptions("python", 3, True, 1_700_000_000_123)


def test_without_a_width_a_level_is_two_wide() -> None:
    assert read_options("f", {"parser": "r"}).indent == 2
    assert read_options("f", {"parser": "r", "tabWidth": 0}).indent == 2
    assert read_options("f", {"parser": "r", "tabWidth": 4}).indent == 4
    assert read_options("f", {"parser": "r", "tabWidth": 10**9}).indent == 16


@pytest.mark.parametrize(
    "options",
    [None, {}, "python", {"parser": 7}, {"parser": "r", "tabWidth": "2; x"}],
)
def test_what_makes_no_sense_is_refused(options: Any) -> None:
    with pytest.raises(ApiError, match=r"^f: options"):
        read_options("f", options)
