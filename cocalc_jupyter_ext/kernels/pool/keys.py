"""Which kernels are alike, and which are never kept ready (pure; syncdoc-jupyter §5).

A key names the kernel and everything its process is started with, except what is set
afterwards: the folder and the name of the notebook.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..launching import FILENAME_VARIABLE, SESSION_VARIABLE
from ..startup_code import is_known

__all__ = ["SET_LATER", "PoolKey", "is_pooled", "key_from_launch", "key_from_text"]

SET_LATER: Final = (FILENAME_VARIABLE, SESSION_VARIABLE)
"""Variables that start-up code sets in a kernel that already runs."""


@dataclass(frozen=True, slots=True)
class PoolKey:
    """A kernel's name, and how its environment differs from the server's."""

    name: str
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    ulimit: str = ""

    def to_text(self) -> str:
        """Return canonical JSON."""
        env: dict[str, str | None] = {**dict.fromkeys(self.removed), **dict(self.added)}
        opts = {"env": env, "ulimit": self.ulimit}
        return json.dumps(
            {"name": self.name, "opts": {key: value for key, value in opts.items() if value}},
            sort_keys=True,
            separators=(",", ":"),
        )

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of such a kernel, where the server has this one."""
        kept = {key: value for key, value in base.items() if key not in self.removed}
        return kept | dict(self.added)


def key_from_launch(
    name: str, env: Mapping[str, str], base: Mapping[str, str], ulimit: str = ""
) -> PoolKey:
    """Return the key of a kernel that is to be started with the environment ``env``."""
    added = {
        key: value for key, value in env.items() if key not in SET_LATER and base.get(key) != value
    }
    removed = [key for key in base if key not in SET_LATER and key not in env]
    return PoolKey(name, tuple(sorted(added.items())), tuple(sorted(removed)), ulimit)


def key_from_text(text: str) -> PoolKey | None:
    """Return the key that was written as JSON, or None if this is none."""
    try:
        read = json.loads(text)
        env = dict(read.get("opts", {}).get("env", {}))
        ulimit = read.get("opts", {}).get("ulimit", "")
        name = read["name"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    texts = [name, ulimit, *env, *(value for value in env.values() if value is not None)]
    if not all(isinstance(each, str) for each in texts):
        return None
    added = tuple(sorted((key, value) for key, value in env.items() if value is not None))
    removed = tuple(sorted(key for key, value in env.items() if value is None))
    return PoolKey(name, added, removed, ulimit)


def is_pooled(name: str, language: str) -> bool:
    """Return whether kernels of this name and language may be kept ready.

    Not Julia's, whose packages are loaded from the folder they start in, and not those that
    cannot be moved to a notebook's folder.
    """
    return "julia" not in name.lower() and bool(language) and is_known(language)
