"""The functions of a project's API that look at its files and change them (hub-project-api §3.2).

Nothing outside of the project's files is read or changed, whatever paths and links say.
"""

import os
import posixpath
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from ..conat.services.folder import FileRefused, Folder
from ..conat.services.worker_threads import in_thread
from ..conat.types import JsonValue
from .arguments import Arguments, path_of
from .dispatch import ApiError, ApiFunction
from .file_changes import companions, delete, move
from .files import listing_to_wire

__all__ = ["MAX_READ_BYTES", "FileFunctions"]

MAX_READ_BYTES: Final = 32_000_000
_PIECE_BYTES: Final = 1_048_576
MAX_PATHS: Final = 10_000
_OUTSIDE: Final = ".smc/root"
_TEMPLATES: Final = f"templates/{sys.platform}"


class OnChange(Protocol):
    """Is told what was done to a path, relative to the home; called on the event loop."""

    def __call__(self, action: str, path: str, **more: str) -> None:
        """``rename`` comes with ``source_path``, ``delete`` alone."""
        ...


def _tell_nobody(action: str, path: str, **more: str) -> None:
    """Tell nobody."""


class FileFunctions:
    """Functions on the files below ``home``; relative paths are relative to it."""

    def __init__(self, home: Path, on_change: OnChange = _tell_nobody) -> None:
        self._home = home
        self._folder = Folder(home)
        self._on_change = on_change

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {
            "system.listing": self.listing,
            "system.deleteFiles": self.delete_files,
            "system.moveFiles": self.move_files,
            "system.renameFile": self.rename_file,
            "system.realpath": self.realpath,
            "system.canonicalPaths": self.canonical_paths,
            "system.writeTextFileToProject": self.write_text_file,
            "system.readTextFileFromProject": self.read_text_file,
            "editor.newFile": self.new_file,
        }

    async def listing(self, options: object) -> JsonValue:
        """Return what is in a folder, in no particular order; a missing one is an error."""
        arguments = Arguments("system.listing", options)
        path, hidden = arguments.path("path"), arguments.flag("hidden")
        return await in_thread(lambda: listing_to_wire(self._folder, path, hidden=hidden))

    async def delete_files(self, options: object) -> None:
        """Remove files and folders, and what belongs to them; missing ones are fine."""
        paths = _paths(Arguments("system.deleteFiles", options))
        for path in paths:
            for each in (path, *companions(path, deleted=True)):
                if await in_thread(delete, self._folder, each):
                    self._on_change("delete", self._relative(each))

    async def move_files(self, options: object) -> None:
        """Move files and folders into a folder; fails if something has that path already."""
        arguments = Arguments("system.moveFiles", options)
        target = arguments.path("dest")
        for path in _paths(arguments):
            name = posixpath.basename(path.rstrip("/"))
            await self._move(path, posixpath.join(target, name))

    async def rename_file(self, options: object) -> None:
        """Give a file or folder another path; nothing is overwritten."""
        arguments = Arguments("system.renameFile", options)
        source, target = arguments.path("src"), arguments.path("dest")
        if source != target:
            await self._move(source, target)

    async def realpath(self, path: object) -> str:
        """Return where a path leads, relative to the home; the path itself if that is outside."""
        asked = path_of(path, "system.realpath: path")
        return await in_thread(self._real, asked) or asked

    async def canonical_paths(self, paths: object) -> list[str]:
        """Return the one path that stands for each of these (§3.2)."""
        if not isinstance(paths, list | tuple) or len(paths) > MAX_PATHS:
            raise ApiError(f"system.canonicalPaths: give a list of at most {MAX_PATHS} paths")
        asked = [path_of(path, "system.canonicalPaths: path") for path in paths]
        return await in_thread(lambda: [self._canonical(path) for path in asked])

    async def write_text_file(self, options: object) -> None:
        """Write a file whole; folders above it are made."""
        arguments = Arguments("system.writeTextFileToProject", options)
        path, content = arguments.path("path"), arguments.text("content")
        await in_thread(self._write, path, content.encode(errors="replace"))

    async def read_text_file(self, options: object) -> str:
        """Return the text of a file of at most 32 MB; bytes that are not UTF-8 are replaced."""
        path = Arguments("system.readTextFileFromProject", options).path("path")
        return await in_thread(self._read, path)

    async def new_file(self, path: object) -> None:
        """Make a file, from the template of its extension if there is one (§3.4)."""
        asked = path_of(path, "editor.newFile: path")
        if asked:
            await in_thread(self._make, asked)

    def _relative(self, path: str) -> str:
        return os.path.relpath(self._home / path, self._home)

    # In worker threads

    def _real(self, path: str) -> str | None:
        home, real = self._home.resolve(), self._resolved(path)
        inside = real.is_relative_to(home) and real != home
        return str(real.relative_to(home)) if inside else None

    def _canonical(self, path: str) -> str:
        home, real = self._home.resolve(), self._resolved(path)
        if real.is_relative_to(home):
            return "" if real == home else str(real.relative_to(home))
        return f"{self._home}/{_OUTSIDE}{real}"

    def _resolved(self, path: str) -> Path:
        """Return where a path leads; links that lead in a circle are left as they are."""
        return Path(os.path.realpath(self._home / path))

    def _write(self, path: str, content: bytes) -> None:
        with self._folder.create(path) as file:
            file.write(content)
            file.commit()

    def _read(self, path: str) -> str:
        with self._folder.open(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_READ_BYTES:
                raise FileRefused(path, f"it has {size} bytes, more than {MAX_READ_BYTES}")
            # One that grows meanwhile is cut; what is read in one call stays bounded.
            return file.read(MAX_READ_BYTES).decode(errors="replace")

    def _make(self, path: str) -> None:
        with ExitStack() as stack:
            if self._opened(stack, path) is not None:
                return
            template = f"{_TEMPLATES}/default{posixpath.splitext(path)[1]}"
            source = self._opened(stack, template)
            file = stack.enter_context(self._folder.create(path))
            while source is not None and (piece := source.read(_PIECE_BYTES)):
                file.write(piece)
            file.commit()

    def _opened(self, stack: ExitStack, path: str) -> BinaryIO | None:
        """Return a file to read; None where there is none."""
        try:
            return stack.enter_context(self._folder.open(path))
        except FileRefused as error:
            if error.is_missing:
                return None
            raise

    async def _move(self, source: str, target: str) -> None:
        await in_thread(move, self._folder, source, target)
        old, new = self._relative(source), self._relative(target)
        self._on_change("rename", new, source_path=old)
        for old, new in zip(companions(source), companions(target), strict=True):
            try:
                await in_thread(move, self._folder, old, new)
            except FileRefused as error:
                if not error.is_missing:
                    raise


def _paths(arguments: Arguments) -> list[str]:
    found = arguments.texts("paths")
    if len(found) > MAX_PATHS:
        raise ApiError(f"at most {MAX_PATHS} paths at once")
    return [path_of(path, "a path") for path in found]
