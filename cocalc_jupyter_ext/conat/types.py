"""Names for the strings and values that travel through the message fabric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NewType, Protocol, TypeAlias

__all__ = [
    "AccountId",
    "Choose",
    "Clock",
    "ConnectionId",
    "Headers",
    "JsonObject",
    "JsonValue",
    "MakeId",
    "MessageId",
    "Operation",
    "Pattern",
    "ProjectId",
    "QueueGroup",
    "Subject",
    "User",
    "UserKind",
    "Value",
]

Subject = NewType("Subject", str)
"""A valid subject without wildcards (conat-core §7.1)."""

Pattern = NewType("Pattern", str)
"""A valid subject that may hold wildcards: what one subscribes to."""

QueueGroup = NewType("QueueGroup", str)
ConnectionId = NewType("ConnectionId", str)
MessageId = NewType("MessageId", str)
ProjectId = NewType("ProjectId", str)
AccountId = NewType("AccountId", str)

JsonValue: TypeAlias = (
    bool | int | float | str | bytes | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
)
"""JSON, plus ``bytes`` anywhere: binary travels as an attachment (conat-core §1.5)."""

JsonObject: TypeAlias = Mapping[str, JsonValue]

Headers: TypeAlias = JsonValue
"""Usually an object; a bare string is allowed too (conat-core §6). ``None`` means no headers."""

Value: TypeAlias = object
"""A payload: anything the codec can encode, which includes aware datetimes and bytes."""

Operation = Literal["pub", "sub"]
UserKind = Literal["account", "project", "hub"]


@dataclass(frozen=True, slots=True)
class User:
    """Who is at the other end of a connection; ``None`` in its place means nobody was asked."""

    kind: UserKind
    id: str

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the user object of the ``info`` event (conat-core §2.2)."""
        return {f"{self.kind}_id": self.id}


class Clock(Protocol):
    """A monotonic clock in seconds; ``time.monotonic`` is one."""

    def __call__(self) -> float: ...  # noqa: D102 - documented by the class


class MakeId(Protocol):
    """A source of random ids of 10 letters and digits (conat-core §16.1)."""

    def __call__(self) -> str: ...  # noqa: D102 - documented by the class


class Choose(Protocol):
    """Returns a number from 0 to ``count - 1``, uniformly; ``random.randrange`` is one."""

    def __call__(self, count: int, /) -> int: ...  # noqa: D102 - documented by the class
