"""What is taken, when it is refilled, what has expired (syncdoc-jupyter §5)."""

import pytest

from cocalc_jupyter_ext.kernels.pool.keys import PoolKey
from cocalc_jupyter_ext.kernels.pool.policy import Pools

A, B = PoolKey("a"), PoolKey("b")


@pytest.fixture
def pools() -> Pools[str]:
    return Pools(size=2, timeout_s=100)


def fill(pools: Pools[str], key: PoolKey, *kernels: str, now: float = 0) -> None:
    for kernel in kernels:
        assert pools.begin_refill(key)
        pools.end_refill(key, kernel, now)


def test_the_oldest_is_taken_and_an_empty_pool_gives_none(pools) -> None:
    fill(pools, A, "1", "2")

    assert [pools.take(A) for _ in range(3)] == ["1", "2", None]


def test_each_key_has_its_own_pool(pools) -> None:
    fill(pools, A, "a")

    assert pools.take(B) is None
    assert pools.take(A) == "a"


def test_one_at_a_time_is_started_for_a_key(pools) -> None:
    assert pools.begin_refill(A)
    assert not pools.begin_refill(A)
    assert pools.begin_refill(B)
    pools.end_refill(A, "1", 0)
    assert pools.begin_refill(A)


def test_a_full_pool_is_not_refilled(pools) -> None:
    fill(pools, A, "1", "2")
    assert not pools.begin_refill(A)

    pools.take(A)
    assert pools.begin_refill(A)


def test_a_kernel_that_could_not_be_started_may_be_tried_again(pools) -> None:
    assert pools.begin_refill(A)
    pools.end_refill(A, None, 0)

    assert pools.take(A) is None
    assert pools.begin_refill(A)


def test_an_expired_pool_is_emptied(pools) -> None:
    fill(pools, A, "1", "2")
    fill(pools, B, "b", now=50)

    assert pools.expire(99) == []
    assert pools.expire(100) == ["1", "2"]
    assert pools.take(A) is None
    assert pools.take(B) == "b"


def test_the_expiry_is_only_ever_extended(pools) -> None:
    fill(pools, A, "1", now=50)
    fill(pools, A, "2", now=10)
    assert pools.expire(149) == []

    pools.take(A)
    fill(pools, A, "3", now=120)
    assert pools.expire(219) == []
    assert pools.expire(220) == ["2", "3"]


def test_it_is_empty_without_kernels_that_are_ready_or_to_come(pools) -> None:
    assert pools.is_empty()
    pools.begin_refill(A)
    assert not pools.is_empty()
    pools.end_refill(A, "1", 0)
    assert not pools.is_empty()
    pools.take(A)
    assert pools.is_empty()


def test_a_kernel_can_be_taken_out_of_its_pool_once(pools) -> None:
    fill(pools, A, "1", "2")
    fill(pools, B, "b")
    assert sorted(pools.ready()) == ["1", "2", "b"]

    assert pools.discard("1")
    assert not pools.discard("1")
    assert sorted(pools.ready()) == ["2", "b"]
    assert pools.begin_refill(A)


def test_clearing_gives_all_kernels(pools) -> None:
    fill(pools, A, "1")
    fill(pools, B, "2")

    assert sorted(pools.clear()) == ["1", "2"]
    assert pools.is_empty()
    assert pools.expire(1e9) == []
