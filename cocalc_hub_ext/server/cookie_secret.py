"""The secret that signs the service's cookies, kept so that people stay logged in."""

import os
import secrets
from pathlib import Path

__all__ = ["load_cookie_secret"]


def load_cookie_secret(path: Path) -> bytes:
    """Return the secret in ``path``; make one, readable by its owner alone, when there is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        secret = secrets.token_hex(32).encode()
        file.write(secret)
    return secret
