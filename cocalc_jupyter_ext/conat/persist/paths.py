"""Who may open which path, and which file a path is (conat-sync §1.2, §1.7, §2.1).

Paths are text with ``/`` between their parts, as POSIX has it, on every system. Only
``file_of`` looks at the disk.
"""

from pathlib import Path
from typing import Final

from .errors import PathDenied

__all__ = ["MAX_PATH_LENGTH", "check_path", "file_of", "join", "normalize"]

MAX_PATH_LENGTH: Final = 4000

_ID_LENGTH: Final = 36
_FOLDER_OF_SCOPE: Final = {"account": "accounts", "project": "projects"}


def normalize(path: str) -> str:
    """Return the normal form that JavaScript's ``path.posix.normalize`` gives (§1.7, §8.1)."""
    is_absolute, has_slash_at_end = path.startswith("/"), path.endswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".", "..") or (part == ".." and not is_absolute):
            parts.append(part)
    if not parts:
        return "/" if is_absolute else "./" if has_slash_at_end else "."
    return "/" * is_absolute + "/".join(parts) + "/" * has_slash_at_end


def join(*parts: str) -> str:
    """Return the parts as one path in normal form; a slash at its end survives (§1.2)."""
    return normalize("/".join(part for part in parts if part))


def check_path(subject: str, path: str, *, service: str = "persist") -> None:
    """Raise PathDenied unless somebody who may use ``subject`` may open ``path`` (§1.7).

    Stricter than the contract: a part ``..``, a NUL, and text that is no Unicode are refused
    for everybody, hubs included.
    """
    if path != normalize(path):
        msg = f"permission denied: the path {_shown(path)} is not in normal form"
        raise PathDenied(msg, code=None)
    _check_form(path)
    first, scope, *_ = [*subject.split("."), "", ""]
    if first != service:
        msg = f"the subject '{subject}' does not belong to the service '{service}'"
        raise PathDenied(msg, code=None)
    folder = _folder_of(scope)
    if folder is None:
        msg = f"permission denied: '{scope}' in the subject '{subject}' is no owner of paths"
        raise PathDenied(msg)
    if not path.startswith(folder):
        msg = (
            f"permission denied: subject '{subject}' does not grant write permission to "
            f"path='{_shown(path)}' since it is not under '{folder}'"
        )
        raise PathDenied(msg)


def file_of(root: Path, path: str) -> Path:
    """Return the database file of a path that ``check_path`` has let pass.

    Raises PathDenied when symbolic links lead out of ``root``.
    """
    file = root / f"{path}.db"
    if not file.resolve().is_relative_to(root.resolve()):
        msg = f"permission denied: the path {_shown(path)} leads out of the data folder"
        raise PathDenied(msg)
    return file


def _check_form(path: str) -> None:
    if len(path) > MAX_PATH_LENGTH:
        msg = f"permission denied: a path has at most {MAX_PATH_LENGTH} characters"
        raise PathDenied(msg)
    if path.startswith("/") or path.endswith("/"):
        msg = f"permission denied: the path {_shown(path)} begins or ends with a slash"
        raise PathDenied(msg)
    if ".." in path.split("/"):
        msg = f"permission denied: the path {_shown(path)} holds '..'"
        raise PathDenied(msg)
    if "\0" in path or not _is_unicode(path):
        msg = f"permission denied: the path {_shown(path)} holds characters that no file name can"
        raise PathDenied(msg)


def _folder_of(scope: str) -> str | None:
    """Return what the paths of an owner begin with; empty for the hub, None for nobody."""
    if scope == "hub":
        return ""
    kind, dash, rest = scope.partition("-")
    if not dash or kind not in _FOLDER_OF_SCOPE:
        return None
    # Only the 36 characters of an id count: what follows them in a longer scope names nobody.
    return f"{_FOLDER_OF_SCOPE[kind]}/{rest[:_ID_LENGTH]}/" if len(rest) >= _ID_LENGTH else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:200]}…"
