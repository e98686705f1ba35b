"""What a document and its file hold, read and put together in worker threads.

Everything works on copies, so that people can go on typing; what was read is as it was at one
moment.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from .contents import Rendered, checked_state, read_update
from .errors import FileWriteError
from .heavy_work import is_large, one_at_a_time
from .linked_document import LinkedDocument
from .merge_contents import merge_contents
from .merge_values import Merged
from .notebook_cells import cell_ids
from .storage import Content, FileStorage, LoadedFile

__all__ = ["FileContent"]

Result = TypeVar("Result")


class FileContent:
    """Reads one document, its file, and both merged."""

    def __init__(self, document: LinkedDocument, storage: FileStorage, executor: Executor) -> None:
        self._document = document
        self._storage = storage
        self._executor = executor
        self._is_large = True

    async def load(self) -> LoadedFile:
        """Read the file and make sure that it can be taken.

        Raises FileMissingError, FileUnreadableError.
        """
        room_id, path = self._document.room_id, self._document.path
        loaded = await self._storage.load(path, file_format=room_id.format, file_type=room_id.type)
        make = type(self._document.ydoc)
        check = partial(checked_state, make, loaded.content, room_id, path)
        self._is_large = is_large(loaded.content)
        await self._in_thread(check)
        return loaded

    async def render(self) -> Rendered:
        """Read the content of the document.

        Raises FileWriteError when a participant has put in what the type cannot hold.
        """
        update, make = self._document.ydoc.ydoc.get_update(), type(self._document.ydoc)
        try:
            rendered = await self._in_thread(partial(read_update, make, update))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"its content is not valid ({type(error).__name__}: {error})"
            raise FileWriteError(self._document.path, problem) from error
        self._is_large = is_large(rendered.content)
        return rendered

    async def merged(self, agreed: bytes, theirs: Content) -> Merged[Content] | None:
        """Put together what another program made of what was agreed, and the document.

        ``agreed`` is the document as it was then, see ``Rendered``. None when they cannot be put
        together. Raises FileWriteError.
        """
        ids, salt = cell_ids(self._document.ydoc), str(self._document.room_id)
        ours = (await self.render()).content
        make = type(self._document.ydoc)

        def merge() -> Merged[Content] | None:
            before = read_update(make, agreed).content
            return merge_contents(before, theirs, ours, cell_ids=ids, salt=salt)

        return await self._in_thread(merge)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        async with one_at_a_time(is_long=self._is_large):
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
