"""Secrets for commands: from a file or from the environment, never from the command line.

Arguments of a process can be read by everybody on the machine.
"""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["read_secret"]


def read_secret(path: Path | None, variable: str, environ: Mapping[str, str]) -> str | None:
    """Return the secret in the file, or else in the environment variable, or None.

    White space around it is no part of it. Raises ValueError when the file cannot be read
    or holds nothing; the text says what to do and never quotes the content.
    """
    if path is None:
        return environ.get(variable, "").strip() or None
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValueError(f"cannot read the secret in {os.fspath(path)}: {reason}") from error
    if not secret:
        raise ValueError(f"{os.fspath(path)} is empty; write the secret into it")
    return secret
