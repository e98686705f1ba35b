"""Files that travel, and readers and senders that know nothing of our own additions."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.services.file_reading import read_file

__all__ = ["PROJECT", "hash_of", "make_file", "plain_read", "read_all", "send_replies"]

PROJECT = "11111111-1111-4111-8111-111111111111"


def make_file(path: Path, size: int) -> str:
    """Write a file in which no two pieces are equal; return its hash."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(-(-size // 1_000_000)):
            block = number.to_bytes(8, "big") * 125_000
            part = block[: min(1_000_000, size - number * 1_000_000)]
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def hash_of(data: bytes | Path) -> str:
    """Return the hash of some bytes or of a file."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def read_all(client: Client, path: str, **options: Any) -> list[bytes]:
    """Return the pieces of a file of the project."""
    pieces = read_file(client, project_id=PROJECT, path=path, **options)
    return [piece async for piece in pieces]


async def plain_read(client: Client, subject: str, path: str) -> AsyncIterator[Message]:
    """Read as the original does: all replies, nothing acknowledged, into the shared inbox."""
    async for reply in client.request_many(subject, {"path": path}, wait_for_interest=True):
        yield reply
        if isinstance(reply.headers, dict) and {"done", "error"} & reply.headers.keys():
            return


async def send_replies(
    client: Client, subject: str, replies: Sequence[tuple[object, Any]]
) -> asyncio.Task[None]:
    """Answer one request on a subject with these values and headers."""
    requests = await client.subscribe(subject)

    async def answer() -> None:
        async with requests:
            request = await anext(requests)
            for value, headers in replies:
                client.respond_sync(request, value, headers=headers)

    return asyncio.create_task(answer())
