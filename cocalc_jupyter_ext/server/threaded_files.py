"""The stock contents manager, with all work on large files in threads.

Jupyter's own signs, decodes, hashes and synchronises files with the disk on the event loop. For a
notebook of 20 MB that takes a large part of a second, in which nobody else is served.
"""

from base64 import decodebytes
from functools import partial
from typing import Any

import nbformat
from anyio.to_thread import run_sync
from jupyter_server.services.contents.fileio import FileManagerMixin
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from nbformat.sign import NotebookNotary
from tornado.web import HTTPError

from ..documents.heavy_work import LARGE, is_large, one_at_a_time

__all__ = ["ThreadedFileManager"]

Model = dict[str, Any]


class ThreadedFileManager(AsyncLargeFileManager):
    """Does what its base class does, step by step the same; only where it is done differs."""

    async def save(self, model: Model, path: str = "") -> Model:
        """Save a file and return its model without content; raises HTTPError."""
        is_notebook = model.get("type") == "notebook" and "chunk" not in model
        if not is_notebook or "content" not in model:
            return await super().save(model, path)  # type: ignore[no-any-return]  # untyped upstream
        path = path.strip("/")
        self.run_pre_save_hooks(model=model, path=path)
        os_path = self._get_os_path(path)
        errors: dict[str, Any] = {}
        try:
            await self._sign_and_write(os_path, model["content"], path, errors)
            # One checkpoint should always exist for notebooks.
            if not await self.checkpoints.list_checkpoints(path):
                await self.create_checkpoint(path)
        except HTTPError:
            raise
        except Exception as error:
            self.log.error("Error while saving file: %s %s", path, error, exc_info=True)
            raise HTTPError(500, f"Unexpected error while saving file: {path} {error}") from error
        self.validate_notebook_model(model, validation_error=errors)
        saved: Model = await self.get(path, content=False)
        if message := model.get("message"):
            saved["message"] = message
        self.run_post_save_hooks(model=saved, os_path=os_path)
        self.emit(data={"action": "save", "path": path})
        return saved

    async def _sign_and_write(
        self, os_path: str, content: object, path: str, errors: dict[str, Any]
    ) -> None:
        is_long = is_large(content)
        # Asked for here: what makes it opens a database, which belongs to its thread.
        sign = partial(_signed, self.notary, content)
        async with one_at_a_time(is_long=is_long):
            notebook, signature = await run_sync(sign)
        if signature is None:
            self.log.warning("Notebook %s is not trusted", path)
        else:
            self._store_signature(signature)
        async with one_at_a_time(is_long=is_long):
            await self._save_notebook(os_path, notebook, capture_validation_error=errors)

    def _store_signature(self, signature: str) -> None:
        """Store a signature, in a new store where the one there is cannot be used any more."""
        try:
            self.notary.store.store_signature(signature, self.notary.algorithm)
        except Exception:
            self.log.warning("The store of signatures is unusable and is made anew.", exc_info=True)
            self.notary.store = self.notary.store_factory()
            self.notary.store.store_signature(signature, self.notary.algorithm)

    async def _notebook_model(
        self, path: str, content: bool = True, require_hash: bool = False
    ) -> Model:
        model: Model = {**self._base_model(path), "type": "notebook"}
        os_path = self._get_os_path(path)
        data: bytes | None = None
        if content:
            errors: dict[str, Any] = {}
            async with one_at_a_time(is_long=int(model["size"] or 0) > LARGE):
                notebook, data = await self._read_notebook(
                    os_path, as_version=4, capture_validation_error=errors, raw=True
                )
            await self._mark_trusted(notebook, path)
            model |= {"content": notebook, "format": "json"}
            self.validate_notebook_model(model, errors)
        if require_hash:
            model |= await self._hash_of(os_path, data)
        return model

    async def _mark_trusted(self, notebook: Any, path: str) -> None:
        is_trusted = False
        if notebook.nbformat >= 3:
            sign = partial(self.notary.compute_signature, notebook)
            async with one_at_a_time(is_long=is_large(notebook)):
                signature = await run_sync(sign)
            is_trusted = self.notary.store.check_signature(signature, self.notary.algorithm)
        if not is_trusted:
            self.log.warning("Notebook %s is not trusted", path)
        self.notary.mark_cells(notebook, is_trusted)

    async def _file_model(
        self,
        path: str,
        content: bool = True,
        format: str | None = None,  # noqa: A002 - the name upstream
        require_hash: bool = False,
    ) -> Model:
        model: Model = await super()._file_model(path, content=content, format=format)
        if require_hash:
            data = await run_sync(_bytes_of, model) if content else None
            model |= await self._hash_of(self._get_os_path(path), data)
        return model

    async def _read_file(  # type: ignore[override]  # as in the other base class
        self,
        os_path: str,
        format: str | None,  # noqa: A002 - the name upstream
        raw: bool = False,
    ) -> Any:
        # That of the base class which does all of it at once: the other one decodes elsewhere.
        read = FileManagerMixin._read_file  # noqa: SLF001 - of a base class
        return await run_sync(partial(read, self, os_path, format, raw))

    async def _hash_of(self, os_path: str, data: Any) -> Model:
        """Return the hash of what was read, or else of the file, as parts of a model."""
        if data is None:
            data = (await self._read_file(os_path, "byte"))[0]
        return dict(await run_sync(self._get_hash, data))

    async def _save_notebook(
        self, os_path: str, nb: Any, capture_validation_error: Any = None
    ) -> None:
        def write() -> None:
            with self.atomic_writing(os_path, encoding="utf-8") as file:
                nbformat.write(
                    nb,
                    file,
                    version=nbformat.NO_CONVERT,
                    capture_validation_error=capture_validation_error,
                )

        await run_sync(write)

    async def _save_file(self, os_path: str, content: str, format: str | None) -> None:  # noqa: A002 - the name upstream
        if format not in {"text", "base64"}:
            raise HTTPError(400, "Must specify format of file contents as 'text' or 'base64'")
        await run_sync(partial(self._write_file, os_path, content, is_text=format == "text"))

    def _write_file(self, os_path: str, content: str, *, is_text: bool) -> None:
        try:
            data = content.encode() if is_text else decodebytes(content.encode("ascii"))
        except Exception as error:
            raise HTTPError(400, f"Encoding error saving {os_path}: {error}") from error
        with self.atomic_writing(os_path, text=False) as file:
            file.write(data)


def _signed(notary: NotebookNotary, content: object) -> tuple[Any, str | None]:
    """Return the notebook and its signature, which is None for one that is not trusted."""
    notebook = nbformat.from_dict(content)
    is_signed = notary.check_cells(notebook) and notebook.nbformat >= 3
    return notebook, notary.compute_signature(notebook) if is_signed else None


def _bytes_of(model: Model) -> bytes:
    """Return the bytes that the content of a file was read from."""
    content: str = model["content"]
    return content.encode() if model["format"] == "text" else decodebytes(content.encode("ascii"))
