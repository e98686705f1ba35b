"""How many kernels wait for code that runs once (syncdoc-jupyter §6.1)."""

import pytest

from cocalc_jupyter_ext.kernels.stateless.policy import MAX_SIZE, delays_s, is_idle, size_of


@pytest.mark.parametrize(("wanted", "size"), [(2, 2), (0, 0), (-5, 0), (1.9, 1), (10**9, MAX_SIZE)])
def test_a_size_is_from_0_to_10(wanted: float, size: int) -> None:
    assert size_of(wanted) == size


def test_kernels_are_started_one_after_the_other() -> None:
    """Random delays of up to 3 s times the index."""
    assert delays_s(3, lambda: 1.0) == [0, 3, 6]
    assert delays_s(3, lambda: 0.5) == [0, 1.5, 3]
    assert delays_s(0, lambda: 1.0) == []
    assert delays_s(-1, lambda: 1.0) == []


def test_a_pool_is_idle_after_its_timeout_and_0_is_never() -> None:
    assert not is_idle(now=99, last_request=0, timeout_s=100)
    assert is_idle(now=100, last_request=0, timeout_s=100)
    assert not is_idle(now=1e9, last_request=0, timeout_s=0)
