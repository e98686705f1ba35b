"""What tests of all layers share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .support.persist import World, persist_world

# How long an example takes says more about the machine than about the code.
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One broker with a persist service."""
    async with persist_world(tmp_path / "streams") as world:
        yield world
