"""Recorded clients of the original get from our service what they got from the original.

Each request is compared shape by shape: which headers, in particular none at all, and which
values. Times are times of today, texts of errors are compared where the contract fixes them
(conat-sync §1.5, §1.6, §8.3).
"""

from pathlib import Path
from typing import Any

import pytest

from ..support.persist import persist_world
from ..support.persist_replay import replay
from ..support.vectors import load

SCENARIOS = ["persist-basic", "persist-changefeed", "persist-limits", "persist-permission"]


def same(value: Any) -> Any:
    """Return a value without what differs from run to run."""
    if isinstance(value, list | tuple):
        return [same(each) for each in value]
    if isinstance(value, dict):
        return {name: same_entry(name, each) for name, each in value.items()}
    return value


def same_entry(name: str, value: Any) -> Any:
    if name == "time":
        return type(value)
    if name == "error":
        return value.partition(":")[0], "wrong last sequence" in value
    return same(value)


@pytest.mark.parametrize("scenario", [*SCENARIOS, "dkv", "dstream", "dstream-ephemeral"])
async def test_requests_are_answered_as_recorded(scenario: str, tmp_path: Path) -> None:
    """conat-sync §8.3: getAll: counter from 0, nil at the end."""
    async with persist_world(tmp_path) as world:
        then, now = await replay(load(scenario), world.broker)

    assert then.replies
    for request, replies in then.replies.items():
        assert same(now.replies[request]) == same(replies), request


@pytest.mark.parametrize("scenario", ["persist-changefeed", "dkv", "dstream", "dstream-ephemeral"])
async def test_changefeeds_tell_the_recorded_events(scenario: str, tmp_path: Path) -> None:
    """conat-sync §8.3: changefeed on before it is confirmed; msgID; no deletion for overwrites."""
    async with persist_world(tmp_path) as world:
        then, now = await replay(load(scenario), world.broker)

    assert same(now.events) == same(then.events)
    for counters in now.counters.values():
        assert counters == list(range(len(counters)))


async def test_a_refused_path_is_told_as_recorded(tmp_path: Path) -> None:
    """conat-sync §7.1: without the client's check the server refuses."""
    async with persist_world(tmp_path) as world:
        then, now = await replay(load("persist-permission"), world.broker)

    assert now.errors == then.errors


async def test_limits_are_refused_in_the_recorded_words(tmp_path: Path) -> None:
    async with persist_world(tmp_path) as world:
        then, now = await replay(load("persist-limits"), world.broker)

    assert errors_of(now.replies) == errors_of(then.replies)


def errors_of(replies: dict[str, list[tuple[Any, Any]]]) -> dict[str, Any]:
    return {
        request: headers
        for request, answers in replies.items()
        for headers, _ in answers
        if headers and "error" in headers
    }
