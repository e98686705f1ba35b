"""The secret that signs the service's cookies, kept so that people stay logged in.

The file appears complete or not at all: cookies that a half-written, empty secret signs could
be made by anybody.
"""

import os
import secrets
from pathlib import Path

from ..errors import HubError

__all__ = ["DamagedSecretError", "load_cookie_secret"]

_BYTES = 32


class DamagedSecretError(HubError):
    """The file does not hold a secret."""

    code = "damaged-secret"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is damaged. Delete it; everybody logs in once more.")
        self.path = path


def load_cookie_secret(path: Path) -> bytes:
    """Return the secret in ``path``; make one, readable by its owner alone, when there is none.

    Raises DamagedSecretError.
    """
    if not path.exists():
        _create(path)
    secret = path.read_bytes()
    if len(secret) < 2 * _BYTES:
        raise DamagedSecretError(path)
    return secret


def _create(path: Path) -> None:
    """Write the file whole, and once: of two processes that start together one is first."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(_BYTES).encode())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
