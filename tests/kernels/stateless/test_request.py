"""Requests of code that runs once (syncdoc-jupyter §6)."""

import pytest

from cocalc_jupyter_ext.kernels.stateless.request import (
    DEFAULT_ULIMIT,
    MAX_OUTPUT,
    Limits,
    Request,
    ulimit_of,
)


def test_the_defaults_are_those_of_the_contract() -> None:
    assert Limits.from_given(None) == Limits(30_000, 30_000, 1_000_000, 5_000_000, 0)
    assert Limits.from_given({}) == Limits(60_000, None, 500_000, 4_000_000, 0)
    pool = Request("k", "1").pool
    assert (pool.size, pool.timeout_s) == (2, 3600)
    assert DEFAULT_ULIMIT == "-n 1000 -f 10485760 -t 30 -v 3000000"


def test_given_limits_count() -> None:
    given = {
        "timeout_ms_per_cell": 1,
        "timeout_ms": 2,
        "max_output_per_cell": 3,
        "max_output": 4,
        "total_output": 5,
        "start_time": 6,
    }

    assert Limits.from_given(given) == Limits(1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("limits", "chars"),
    [
        (Limits(), 1000000),
        (Limits(total_output=4500000), 500000),
        (Limits(max_output=7), 7),
        (Limits(total_output=9000000), 0),
    ],
)
def test_what_was_put_out_before_leaves_less(limits: Limits, chars: int) -> None:
    assert limits.max_chars == chars


def test_languages_that_reserve_much_memory_have_no_limit_of_that() -> None:
    assert "-v" not in ulimit_of("JavaScript")
    assert "-t 30" in ulimit_of("javascript")
    assert "-v" not in ulimit_of("python", "darwin")
    assert ulimit_of("python", "linux") == DEFAULT_ULIMIT


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(), "cell output limit of 1000000 characters"),
        (Limits(max_output=7), "total output limit of 7 characters"),
        (Limits(max_output=900, total_output=900), "total output limit of 900 characters"),
    ],
)
def test_the_notice_names_the_limit_that_was_exceeded(limits: Limits, named: str) -> None:
    """syncdoc-jupyter §6.1: "a notice naming the limit"."""
    assert limits.notice.endswith(named)


def test_no_request_may_have_more_put_out_than_fits_into_an_answer() -> None:
    limits = Limits.from_given({"max_output": 10**12, "max_output_per_cell": 10**12})

    assert limits.max_chars == MAX_OUTPUT
