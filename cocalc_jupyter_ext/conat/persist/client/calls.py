"""The commands of the persist service as functions of a client (conat-sync §1.5).

They take and return the values of a stream, and raise the errors of its replies.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

from ...client.subscription import Message
from ...errors import ConatError, RemoteError, RequestTimeout
from ..config import StreamConfig
from ..errors import StoreError
from ..messages import Inventory, NewMessage, Receipt, StoredMessage
from ..wire import (
    config_from_wire,
    error_from_wire,
    inventory_from_wire,
    message_to_headers,
    new_message_to_wire,
    outcome_from_wire,
    receipt_from_wire,
    sequence_of,
    stored_from_wire,
)

__all__ = ["DEFAULT_TIMEOUT_S", "Calls", "Target"]

DEFAULT_TIMEOUT_S: Final = 30.0


class Target(Protocol):
    """What answers commands: a socket to a persist server, or the way to one."""

    async def request(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        raw: bytes | None = None,
        encoding: int = 0,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Message:
        """Ask, and return the answer; raises ConatError."""
        ...

    def request_many(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[Message, None]:
        """Ask, and yield answers until none comes for ``max_wait_s``; raises ConatError."""
        ...


class Calls:
    """All commands; for arguments and results see ``StreamAccess``."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def set(self, message: NewMessage, *, timeout_s: float | None = None) -> Receipt:
        """Store a message; raises Rejected, WrongLastSequence."""
        reply = await self._target.request(
            headers=_headers("set", timeout_s, message_to_headers(message)),
            raw=message.raw,
            encoding=message.encoding,
            timeout_s=timeout_s or DEFAULT_TIMEOUT_S,
        )
        return receipt_from_wire(_data_of(reply, message))

    async def set_many(
        self, messages: Sequence[NewMessage], *, timeout_s: float | None = None
    ) -> list[Receipt | ConatError]:
        """Store messages; a refused one is its error."""
        operations = [new_message_to_wire(message) for message in messages]
        wire = sequence_of(await self._ask("setMany", timeout_s, value=operations), "the answer")
        if len(wire) != len(messages):
            msg = f"the server answered {len(wire)} of {len(messages)} messages"
            raise StoreError(msg)
        return [outcome_from_wire(*pair) for pair in zip(wire, messages, strict=True)]

    async def get(
        self, *, seq: int | None = None, key: str | None = None, timeout_s: float | None = None
    ) -> StoredMessage | None:
        """Return a message, or None; an answer without headers says that there is none."""
        reply = await self._target.request(
            headers=_headers("get", timeout_s, {"seq": seq, "key": key}),
            timeout_s=timeout_s or DEFAULT_TIMEOUT_S,
        )
        headers = _headers_of(reply)
        if not headers:
            return None
        if "seq" not in headers:
            raise error_from_wire(headers)
        found = {name: headers.get(name) for name in ("seq", "time", "key")}
        own = {name: value for name, value in headers.items() if name not in found}
        wire = {**found, "raw": reply.raw, "encoding": reply.encoding, "headers": own or None}
        return stored_from_wire(wire)

    async def get_all(
        self,
        *,
        start_seq: int | None = None,
        end_seq: int | None = None,
        timeout_s: float | None = None,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[list[StoredMessage], None]:
        """Yield batches until the end that the server marks; see ``StreamAccess``."""
        replies = self._target.request_many(
            headers=_headers("getAll", timeout_s, {"start_seq": start_seq, "end_seq": end_seq}),
            timeout_s=timeout_s or DEFAULT_TIMEOUT_S,
            max_wait_s=max_wait_s or DEFAULT_TIMEOUT_S,
        )
        count = 0
        async with aclosing(replies):
            async for reply in replies:
                data = _data_of(reply)
                if _headers_of(reply).get("seq") != count:
                    raise RemoteError("a part of the answer is missing; ask again", 503)
                if data is None:
                    return
                yield [stored_from_wire(wire) for wire in sequence_of(data, "a batch")]
                count += 1
        raise RequestTimeout("timeout - the rest of the answer does not come")

    async def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - the name of the contract
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
        timeout_s: float | None = None,
    ) -> list[int]:
        """Delete messages; return their numbers."""
        selectors = {
            "all": True if all else None,
            "last_seq": last_seq,
            "seq": seq,
            "seqs": None if seqs is None else list(seqs),
        }
        data = await self._ask("delete", timeout_s, selectors)
        return list(sequence_of(data.get("seqs") if isinstance(data, dict) else None, "seqs"))

    async def config(
        self, wanted: Mapping[str, object] | None = None, *, timeout_s: float | None = None
    ) -> StreamConfig:
        """Change the configuration, and return it."""
        wire = None if wanted is None else dict(wanted)
        return config_from_wire(await self._ask("config", timeout_s, {"config": wire}))

    async def inventory(self, *, timeout_s: float | None = None) -> Inventory:
        """Return how much there is."""
        return inventory_from_wire(await self._ask("inventory", timeout_s))

    async def keys(self, *, timeout_s: float | None = None) -> list[str]:
        """Return all keys."""
        return list(sequence_of(await self._ask("keys", timeout_s), "the keys"))

    async def start_changefeed(self, *, timeout_s: float | None = None) -> None:
        """Let the server write all changes to the socket from now on."""
        await self._ask("changefeed", timeout_s)

    async def server_id(self, *, timeout_s: float | None = None) -> str:
        """Return the id of the server that holds the stream."""
        return str(await self._ask("serverId", timeout_s))

    async def _ask(
        self,
        command: str,
        timeout_s: float | None,
        parameters: Mapping[str, Any] | None = None,
        *,
        value: object = None,
    ) -> Any:
        reply = await self._target.request(
            value,
            headers=_headers(command, timeout_s, parameters or {}),
            timeout_s=timeout_s or DEFAULT_TIMEOUT_S,
        )
        return _data_of(reply)


def _headers(
    command: str, timeout_s: float | None, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    timeout_ms = None if timeout_s is None else round(timeout_s * 1000)
    headers = {**parameters, "cmd": command, "timeout": timeout_ms}
    return {name: value for name, value in headers.items() if value is not None}


def _headers_of(reply: Message) -> dict[str, Any]:
    return reply.headers if isinstance(reply.headers, dict) else {}


def _data_of(reply: Message, message: NewMessage | None = None) -> Any:
    """Return the payload of an answer, or raise the error in its headers."""
    headers = _headers_of(reply)
    if headers.get("error"):
        raise error_from_wire(headers, message)
    return reply.data
