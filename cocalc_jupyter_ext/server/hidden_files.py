"""Files whose names begin with a dot, or that lie in such folders.

Jupyter's contents manager serves them to nobody unless ``allow_hidden`` is set. CoCalc clients open
them like others: the chat beside a file has such a name (syncdoc-jupyter §3.1). They may run code,
and so reach every file anyway. Pages of JupyterLab, whose users may be allowed less, do not.
"""

from collections.abc import Callable
from typing import Any

from jupyter_server.services.contents.filemanager import FileContentsManager
from jupyter_server.utils import ensure_async

__all__ = ["HiddenFiles", "has_hidden_name", "is_hidden_from_pages"]


def has_hidden_name(path: str) -> bool:
    """Return whether a name in a path begins with a dot."""
    return any(name.startswith(".") for name in path.split("/"))


async def is_hidden_from_pages(contents: Any, path: str) -> bool:
    """Return whether a contents manager, whose classes are untyped, keeps a file from pages."""
    return not contents.allow_hidden and bool(await ensure_async(contents.is_hidden(path)))


class HiddenFiles:
    """Calling it returns a contents manager like the server's that also serves hidden files.

    A manager that does not keep its files in a folder of this machine decides for itself.
    """

    def __init__(self, contents: Callable[[], Any]) -> None:
        self._contents = contents
        self._made: tuple[Any, Any] | None = None

    def __call__(self) -> Any:
        """Return the manager, which is made when it is first needed."""
        manager = self._contents()
        if not isinstance(manager, FileContentsManager) or manager.allow_hidden:
            return manager
        if self._made is None or self._made[0] is not manager:
            like_it = type(manager)(
                parent=manager.parent,
                config=manager.config,
                log=manager.log,
                root_dir=manager.root_dir,
                allow_hidden=True,
            )
            self._made = manager, like_it
        return self._made[1]
