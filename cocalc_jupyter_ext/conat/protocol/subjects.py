r"""The grammar of subjects, and the subjects that have a fixed form.

A subject is a non-empty string of tokens separated by dots (conat-core §7.1). White
space is what JavaScript's ``\s`` matches, which is not what Python's does: the byte
order mark counts, U+0085 and the separators U+001C to U+001F do not.
"""

import base64
import re
from functools import lru_cache
from typing import Final

from ..errors import InvalidSubject
from ..types import AccountId, Pattern, ProjectId, Subject, User

__all__ = [
    "INBOXES",
    "TAP",
    "hub_api_subject",
    "inbox_prefix",
    "is_uuid",
    "is_valid_pattern",
    "is_valid_subject",
    "matches",
    "parse_pattern",
    "parse_subject",
    "project_subject",
    "scope_name",
    "tokens",
]

TAP = Pattern(">")
"""The pattern that receives everything and is never counted (conat-core §8.4)."""

INBOXES: Final = "_INBOX"
"""With this every inbox begins, also one with a prefix of its own (conat-core §10.1)."""

_REMEMBERED_LENGTH: Final = 256
"""Longer texts are rare, and not worth the memory."""

_JS_SPACE = re.compile(
    "[\t\n\x0b\x0c\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def tokens(subject: str) -> list[str]:
    """Split a subject into its tokens."""
    return subject.split(".")


def is_valid_pattern(text: object) -> bool:
    """Return whether the text may be subscribed to (conat-core §7.1)."""
    if not isinstance(text, str):
        return False
    return _is_pattern_again(text) if len(text) <= _REMEMBERED_LENGTH else _is_pattern(text)


def is_valid_subject(text: object) -> bool:
    """Return whether one may publish to the text: valid, without wildcards (conat-core §7.1)."""
    return isinstance(text, str) and is_valid_pattern(text) and "*" not in text and text[-1:] != ">"


def _is_pattern(text: str) -> bool:
    if _JS_SPACE.search(text):
        return False
    parts = text.split(".")
    return all(parts) and ">" not in parts[:-1]


_is_pattern_again = lru_cache(maxsize=1_024)(_is_pattern)
# The same few are asked for with every message.


def parse_pattern(text: object, use: str = "") -> Pattern:
    """Return the text as a pattern, or raise InvalidSubject, which names the use."""
    if not isinstance(text, str) or not is_valid_pattern(text):
        raise InvalidSubject(text, use)
    return Pattern(text)


def parse_subject(text: object, use: str = "") -> Subject:
    """Return the text as a subject without wildcards, or raise InvalidSubject."""
    if not isinstance(text, str) or not is_valid_subject(text):
        raise InvalidSubject(text, use)
    return Subject(text)


def matches(pattern: Pattern, subject: Subject) -> bool:
    """Return whether one pattern matches one subject (conat-core §7.2)."""
    wanted, given = tokens(pattern), tokens(subject)
    if wanted[-1] == ">":
        wanted, given = wanted[:-1], given[: len(wanted) - 1] if len(given) >= len(wanted) else []
    return len(wanted) == len(given) and all(
        token in ("*", part) for token, part in zip(wanted, given, strict=True)
    )


def is_uuid(text: str) -> bool:
    """Return whether the text is 36 characters of the form 8-4-4-4-12, hexadecimal."""
    return _UUID.fullmatch(text) is not None


def scope_name(user: User | None) -> str:
    """Return ``project-<id>``, ``account-<id>``, ``hub-<id>`` or ``public`` (conat-core §16.2)."""
    return "public" if user is None else f"{user.kind}-{user.id}"


def inbox_prefix(user: User | None) -> str:
    """Return the prefix of the inboxes this user may subscribe to (conat-core §10.1).

    The system user shares the hub's rights and uses the plain prefix (conat-core §13.4),
    as does everybody on a server that authenticates nobody.
    """
    if user is None or user == User("hub", "system"):
        return INBOXES
    return f"{INBOXES}.{scope_name(user)}"


def project_subject(
    project_id: ProjectId,
    service: str,
    *,
    compute_server_id: int | None = None,
    path: str | None = None,
) -> Subject:
    """Return ``project.<id>.<compute server>.<service>.<path>``, five tokens (conat-core §16.2).

    What is missing is written ``-``; compute server 0 is the project itself; the path is
    standard base64 of its UTF-8 bytes.
    """
    server = "-" if compute_server_id is None else str(compute_server_id)
    encoded = "-" if path is None else base64.b64encode(path.encode()).decode()
    return parse_subject(f"project.{project_id}.{server}.{service}.{encoded}", "project")


def hub_api_subject(kind: str, user_id: AccountId | ProjectId) -> Subject:
    """Return ``hub.account.<id>.api`` or ``hub.project.<id>.api`` (conat-core §15.5)."""
    return parse_subject(f"hub.{kind}.{user_id}.api", "hub")
