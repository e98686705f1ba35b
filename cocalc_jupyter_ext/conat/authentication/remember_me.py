"""The sign-in token of browsers (conat-core §13.3)."""

import hmac
from dataclasses import dataclass, field
from typing import Final

from .errors import AuthenticationFailed

__all__ = ["RememberMeToken", "parse_remember_me"]

MAX_ITERATIONS: Final = 10_000
MAX_PART_LENGTH: Final = 128
"""No longer than the blocks that are hashed: a long salt would be hashed at each iteration."""
HASH_LENGTH: Final = 127
_ALGORITHMS: Final = frozenset({"sha1", "sha256", "sha384", "sha512"})


@dataclass(frozen=True, slots=True)
class RememberMeToken:
    """The four parts of a token. Only the first three are in its lookup hash as they are."""

    algorithm: str
    salt: str = field(repr=False)
    iterations: int
    uuid: str = field(repr=False)

    @property
    def lookup_hash(self) -> str:
        """What the database knows the token by. Takes some milliseconds at most."""
        message = self.uuid
        for _ in range(self.iterations):
            digest = hmac.digest(self.salt.encode(), message.encode(), self.algorithm)
            message = digest.hex()
        return f"{self.algorithm}${self.salt}${self.iterations}${message}"[:HASH_LENGTH]


def parse_remember_me(text: str) -> RememberMeToken:
    """Return the token; raises AuthenticationFailed when it is badly formatted."""
    parts = text.split("$")
    if len(parts) != 4 or max(map(len, parts)) > MAX_PART_LENGTH:
        raise _badly_formatted()
    algorithm, salt, count, uuid = parts
    if algorithm not in _ALGORITHMS or not (count.isascii() and count.isdecimal()):
        raise _badly_formatted()
    iterations = int(count)
    if not 1 <= iterations <= MAX_ITERATIONS:
        raise _badly_formatted()
    return RememberMeToken(algorithm, salt, iterations, uuid)


def _badly_formatted() -> AuthenticationFailed:
    return AuthenticationFailed("badly formatted remember_me cookie; sign in again")
