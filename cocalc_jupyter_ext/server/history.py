"""HTTP interface of the histories of documents, and the part of the server that has them.

Below ``cocalc/history/`` the handlers authenticate, check rights and paths, call one function of
``HistoryApi`` and encode. Reading needs the right "read" on "contents", restoring the right
"write". Errors are JSON ``{"message": ...}`` with a sentence for the person who asked.
"""

import json
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError, authenticated

from ..conat.client.client import Client
from ..conat.errors import ConatError
from ..conat.transports.loopback import LoopbackTransport
from ..conat.types import User
from ..documents.history.api import HistoryApi
from ..documents.history.endpoint import history_service
from ..documents.history.errors import HistoryError
from ..documents.history.pruner import Pruner
from ..documents.history.pruning import Limits
from ..documents.history.service import FindOpen, HistoryService
from ..documents.notebook_records.blobs import BlobSource
from .api_paths import normal_path
from .author_names import AuthorNames
from .conat import ConatService
from .hidden_files import is_hidden_from_pages
from .identity import account_id_from_username

__all__ = ["ProjectHistory", "ReadHandler", "RestoreHandler", "handlers"]

_RESOURCE = "contents"


class ProjectHistory:
    """The histories of this project, served on the message fabric and for the handlers.

    ``find_open`` returns a document that is open in this process, by its synced path;
    ``get_blob`` the bytes of an output that is kept outside of documents.
    """

    def __init__(
        self,
        conat: ConatService,
        find_open: FindOpen,
        limits: Limits,
        get_blob: BlobSource,
        authors: AuthorNames,
    ) -> None:
        self.project_id = conat.project_id
        self.authors = authors
        project = User("project", conat.project_id)
        self._client = Client(LoopbackTransport(conat.broker, project))
        self.service = HistoryService(
            self._client, conat.project_id, find_open=find_open, get_blob=get_blob
        )
        self.api = HistoryApi(self.service)
        self._endpoint = history_service(self._client, conat.project_id, self.api)
        self._pruner = Pruner(self.service, limits)

    async def start(self) -> None:
        """Connect the project and answer its people."""
        self._client.start()
        await self._endpoint.start()
        self._pruner.start()

    async def stop(self) -> None:
        """Stop answering and give up all histories; idempotent."""
        await self._pruner.stop()
        await self._endpoint.stop()
        await self.service.close()
        await self._client.close()


class _HistoryHandler(APIHandler):
    """What the handlers have in common."""

    auth_resource = _RESOURCE

    def initialize(self, history: ProjectHistory) -> None:
        """Take what the handlers call."""
        self._history = history

    async def require(self, action: str) -> None:
        """Refuse a user who may not; raises HTTPError 403."""
        answer = self.authorizer.is_authorized(self, self.current_user, action, _RESOURCE)
        if not await ensure_async(answer):
            raise HTTPError(403, f"You may not {action} documents of this project.")

    async def checked_path(self, path: str, *, must_exist: bool) -> str:
        """Return the path of a file that may be shown; raises HTTPError 404.

        A file that was deleted may be, if it has a history.
        """
        path = normal_path(path)
        missing = HTTPError(404, f"{path}: there is no such file")
        if path == "." or path.split("/")[0] == "..":
            raise missing
        contents: Any = self.contents_manager  # its classes are untyped
        if await is_hidden_from_pages(contents, path):
            raise missing
        if await ensure_async(contents.file_exists(path)):
            return path
        if must_exist or not await self._history.service.is_listed(path):
            raise missing
        return path

    async def answer(self, name: str, options: dict[str, Any]) -> None:
        """Call a function of the histories and send what it returns, or why it cannot."""
        try:
            result = await self._history.api.functions[name](options)
            result["authors"] = self._history.authors.of(_authors(result))
        except HistoryError as error:
            self.set_status(error.code if isinstance(error.code, int) else 400)
            result = {"message": str(error)}
        except ConatError as error:
            self.log.warning("the history of %s: %s", options["path"], error)
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            result = {"message": f"The history cannot be used now, try again: {error}"}
        self.finish(json.dumps(result))

    def number(self, name: str) -> int | None:
        """Return a whole number of the query, None without it; raises HTTPError 400."""
        text = self.get_query_argument(name, None)
        try:
            return None if text is None else int(text)
        except ValueError as error:
            raise HTTPError(400, f"{name} must be a whole number") from error


class ReadHandler(_HistoryHandler):
    """``GET cocalc/history/{versions,at,diff,blame}/<path>``, by the name of the function."""

    def initialize(self, history: ProjectHistory, name: str, numbers: tuple[str, ...]) -> None:  # type: ignore[override]  # each route says what it calls
        """Take the function, and which numbers of the query are its options."""
        super().initialize(history)
        self._name = name
        self._numbers = numbers

    @authenticated
    async def get(self, path: str) -> None:
        """Answer with an ``ETag``, so that what is known already is not sent again: 304."""
        await self.require("read")
        numbers = {name: self.number(name) for name in self._numbers}
        path = await self.checked_path(path, must_exist=False)
        await self.answer(self._name, {"path": path, **numbers})


class RestoreHandler(_HistoryHandler):
    """``POST cocalc/history/restore/<path> {"version": number, "cells"?: [ids]}``."""

    @authenticated
    async def post(self, path: str) -> None:
        """Restore in the name of the user: ``{"version": new version or null}``."""
        await self.require("read")
        await self.require("write")
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, 'The body must be {"version": number, "cells": [ids] or null}.')
        options = {
            "path": await self.checked_path(path, must_exist=True),
            "version": body.get("version"),
            "cells": body.get("cells"),
            "author": account_id_from_username(
                self.current_user.username, self._history.project_id
            ),
        }
        await self.answer("restore", options)


def _authors(result: dict[str, Any]) -> Iterator[str | None]:
    """Yield the accounts that an answer names."""
    versions = result.get("versions") or []
    entries = list(versions.values()) if isinstance(versions, dict) else list(versions)
    for entry in [*entries, result, result.get("version")]:
        if isinstance(entry, dict):
            yield entry.get("author")


def handlers(history: ProjectHistory) -> list[tuple[str, type[APIHandler], dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    read = partial(_read_route, history)
    return [
        read("cocalc/history/versions/(.+)", "versions", ("before", "limit")),
        read("cocalc/history/at/(.+)", "at", ("version",)),
        read("cocalc/history/diff/(.+)", "diff", ("a", "b")),
        read("cocalc/history/blame/(.+)", "blame", ()),
        ("cocalc/history/restore/(.+)", RestoreHandler, {"history": history}),
    ]


def _read_route(
    history: ProjectHistory, pattern: str, name: str, numbers: tuple[str, ...]
) -> tuple[str, type[APIHandler], dict[str, Any]]:
    return pattern, ReadHandler, {"history": history, "name": name, "numbers": numbers}
