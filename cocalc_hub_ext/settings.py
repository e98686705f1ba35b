"""The options of ``setup`` and of the environment, resolved into one frozen value: pure.

An option wins over what the administrator set on ``c`` before, that over the environment, that
over the default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .db.engine import sqlite_url

__all__ = ["HubSettings", "InvalidOptionError", "resolve_settings"]

_DEFAULT_HOST = "127.0.0.1"
_DEFAULT_PORT = 8000
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - recognised, not bound


class InvalidOptionError(ValueError):
    """An option or a variable cannot be used; the message names it."""


@dataclass(frozen=True)
class HubSettings:
    """Where the hub listens (``bind_url``) and where it keeps its data (absolute paths)."""

    bind_url: str
    data_dir: Path
    projects_root: Path
    database_url: str

    @property
    def host(self) -> str:
        """The address to listen on; empty for all."""
        return urlsplit(self.bind_url).hostname or ""

    @property
    def port(self) -> int:
        """The port to listen on."""
        split = urlsplit(self.bind_url)
        return split.port or (443 if split.scheme == "https" else 80)

    @property
    def base_url(self) -> str:
        """The path that everything of the hub is below, with a slash at both ends."""
        path = urlsplit(self.bind_url).path.strip("/")
        return f"/{path}/" if path else "/"

    @property
    def local_url(self) -> str:
        """The hub as this machine reaches it, without a slash at the end."""
        split = urlsplit(self.bind_url)
        host = "127.0.0.1" if self.host in _EVERYWHERE else self.host
        bracketed = f"[{host}]" if ":" in host else host
        return f"{split.scheme}://{bracketed}:{self.port}{self.base_url.rstrip('/')}"


def resolve_settings(
    *,
    options: Mapping[str, str | int | Path | None],
    env: Mapping[str, str],
    configured_bind_url: str | None,
    https: bool,
    cwd: Path,
) -> HubSettings:
    """Resolve all settings; raises InvalidOptionError."""
    data_dir = (
        cwd / Path(str(options.get("data_dir") or env.get("COCALC_DATA") or "data")).expanduser()
    )
    projects = options.get("projects_root") or env.get("COCALC_PROJECTS") or data_dir / "projects"
    database = options.get("database_url") or env.get("COCALC_DATABASE_URL")
    return HubSettings(
        bind_url=_bind_url(options, env, configured_bind_url, https=https),
        data_dir=data_dir,
        projects_root=cwd / Path(str(projects)).expanduser(),
        database_url=str(database or sqlite_url(data_dir / "cocalc.sqlite")),
    )


def _bind_url(
    options: Mapping[str, str | int | Path | None],
    env: Mapping[str, str],
    configured: str | None,
    *,
    https: bool,
) -> str:
    chosen = any(options.get(name) is not None for name in ("host", "port", "base_path"))
    if configured is not None and not chosen:
        return configured
    host = str(options.get("host") or _DEFAULT_HOST)
    port = _port(options.get("port") or env.get("PORT") or _DEFAULT_PORT)
    base_path = str(options.get("base_path") or env.get("BASE_PATH") or "/").strip("/")
    bracketed = f"[{host}]" if ":" in host else host
    scheme = "https" if https else "http"
    return f"{scheme}://{bracketed}:{port}/{base_path}{'/' if base_path else ''}"


def _port(value: str | int | Path) -> int:
    try:
        port = int(str(value))
    except ValueError as error:
        raise InvalidOptionError(f"PORT must be a number, not {str(value)!r}.") from error
    if not 0 < port < 65536:
        raise InvalidOptionError(f"PORT must be between 1 and 65535, not {port}.")
    return port
