"""What must be true before a hub starts: its data directory is its own, and its port is free.

Each check raises StartupError with one line that says what to do. Nothing is repaired silently.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path

__all__ = ["StartupError", "check_port", "claim_data_dir", "kept_ports"]

_LOCK_NAME = "hub.lock"
# Held until the process ends: the kernel frees a lock even after kill -9.
_claims: dict[Path, int] = {}


class StartupError(Exception):
    """The hub cannot start as configured; the message is one line for the administrator."""


def claim_data_dir(path: Path) -> None:
    """Make ``path`` (mode 0700) if need be and keep other hubs out of it until we end."""
    if path in _claims:
        return
    try:
        _make_private(path)
        descriptor = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartupError(
            f"the data directory {path} cannot be used ({error.strerror}). Make it writable for "
            "this user, or choose another: COCALC_DATA=/some/where"
        ) from error
    _lock(descriptor, path)
    _claims[path] = descriptor


def _make_private(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.stat().st_mode & 0o077:
        return
    if any(path.iterdir()) and not (path / _LOCK_NAME).exists():
        raise StartupError(
            f"the data directory {path} is open to other users of this machine. It will hold "
            "secrets: chmod 700 it, or choose another: COCALC_DATA=/some/where"
        )
    path.chmod(0o700)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise StartupError(
            f"another hub (process {owner}) uses the data directory {path}. Stop it, or choose "
            "another directory: COCALC_DATA=/some/where"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def check_port(host: str, port: int) -> None:
    """Raise StartupError unless this process could listen on ``host``:``port`` now."""
    try:
        _bind(host, port)
    except OSError as error:
        raise StartupError(_why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    where = f"{host or 'any address'} port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use. Stop what listens there, or choose another: PORT={port + 1}"
    if error.errno == errno.EACCES:
        return f"{where} needs privileges. Choose a port above 1023: PORT=8000"
    return f"{where} cannot be listened on ({error.strerror}). Choose another address."


def kept_ports(path: Path, names: Iterable[str]) -> dict[str, int]:
    """Return a loopback port for each of ``names``, the same ones at every start if still free.

    Projects that run on while the hub restarts know it by its port. ``path`` keeps the choice.
    """
    kept = _read_ports(path)
    ports: dict[str, int] = {}
    for name in names:
        port = kept.get(name, 0)
        ports[name] = port if port and _is_free(port) else _free_port(ports.values())
    if ports != kept:
        path.write_text(json.dumps(ports))
    return ports


def _read_ports(path: Path) -> dict[str, int]:
    try:
        kept = json.loads(path.read_text())
        return {str(name): int(port) for name, port in kept.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as error:
        raise StartupError(f"{path} is damaged. Delete it; new ports will be chosen.") from error


def _is_free(port: int) -> bool:
    try:
        _bind("127.0.0.1", port)
    except OSError:
        return False
    return True


def _free_port(taken: Iterable[int]) -> int:
    port = _bind("127.0.0.1", 0)
    return port if port not in taken else _free_port(taken)


def _bind(host: str, port: int) -> int:
    family, _, _, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        bound: int = probe.getsockname()[1]
    return bound
