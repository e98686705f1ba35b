"""What tests of all layers share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .support.persist import World, persist_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One broker with a persist service."""
    async with persist_world(tmp_path / "streams") as world:
        yield world
