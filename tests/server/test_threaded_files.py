"""Large files do not keep the event loop, and all else is as with Jupyter's own manager."""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError
from traitlets.config import Config

from cocalc_jupyter_ext.server.atomic_files import AtomicFileManager

from ..support.notebooks import notebook

HTML = {"output_type": "display_data", "data": {"text/html": "<b>1</b>"}, "metadata": {}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def manager(home: Path, tmp_path: Path) -> Iterator[AtomicFileManager]:
    config = Config({"NotebookNotary": {"data_dir": str(tmp_path)}})
    manager = AtomicFileManager(root_dir=str(home), config=config)
    yield manager
    manager.notary.close()


def model_of(content: Any) -> dict[str, Any]:
    return {"type": "notebook", "format": "json", "content": content}


def with_html(*, is_trusted: bool) -> dict[str, Any]:
    content = notebook("1")
    content["cells"][0] |= {"outputs": [HTML], "metadata": {"trusted": is_trusted}}
    return content


class Threads:
    """Notes in which threads something is done."""

    def __init__(self) -> None:
        self.seen: dict[str, set[threading.Thread]] = {}

    def note(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            self.seen.setdefault(name, set()).add(threading.current_thread())
            return function(*args, **options)

        return noted


@pytest.fixture
def threads(manager: AtomicFileManager, monkeypatch: pytest.MonkeyPatch) -> Threads:
    threads = Threads()
    notary = manager.notary
    sign = threads.note("sign", notary.compute_signature)
    monkeypatch.setattr(notary, "compute_signature", sign)
    monkeypatch.setattr(manager, "_get_hash", threads.note("hash", manager._get_hash))
    monkeypatch.setattr(os, "fsync", threads.note("fsync", os.fsync))
    return threads


async def test_notebooks_are_signed_hashed_and_written_in_threads(
    manager: AtomicFileManager, threads: Threads
) -> None:
    await manager.save(model_of(notebook("1")), "a.ipynb")
    await manager.get("a.ipynb", require_hash=True)

    assert threads.seen.keys() == {"sign", "hash", "fsync"}
    assert all(threading.main_thread() not in seen for seen in threads.seen.values())


async def test_other_files_are_hashed_and_written_in_threads(
    manager: AtomicFileManager, threads: Threads
) -> None:
    await manager.save({"type": "file", "format": "text", "content": "é"}, "a.txt")
    await manager.get("a.txt", require_hash=True)

    assert threads.seen.keys() == {"hash", "fsync"}
    assert all(threading.main_thread() not in seen for seen in threads.seen.values())


@pytest.mark.parametrize("has_content", [True, False])
@pytest.mark.parametrize("data", [b"\xc3\xa9\r\n", b"\xff\x00"])
async def test_the_hash_is_that_of_the_bytes(
    manager: AtomicFileManager, home: Path, data: bytes, has_content: bool
) -> None:
    (home / "a.dat").write_bytes(data)

    model = await manager.get("a.dat", content=has_content, require_hash=True)

    assert model["hash"] == hashlib.sha256(data).hexdigest()
    assert model["hash_algorithm"] == "sha256"


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_notebook_stays_trusted_as_it_was(
    manager: AtomicFileManager, is_trusted: bool
) -> None:
    await manager.save(model_of(with_html(is_trusted=is_trusted)), "a.ipynb")

    (cell,) = (await manager.get("a.ipynb"))["content"]["cells"]
    assert cell["metadata"]["trusted"] is is_trusted


async def test_a_store_of_signatures_that_is_lost_is_made_anew(manager: AtomicFileManager) -> None:
    manager.notary.store.close()

    await manager.save(model_of(with_html(is_trusted=True)), "a.ipynb")

    (cell,) = (await manager.get("a.ipynb"))["content"]["cells"]
    assert cell["metadata"]["trusted"] is True


async def test_models_and_files_are_those_of_the_manager_of_jupyter(
    manager: AtomicFileManager, tmp_path: Path
) -> None:
    (tmp_path / "stock").mkdir()
    stock = AsyncLargeFileManager(root_dir=str(tmp_path / "stock"), notary=manager.notary)
    invalid = notebook("1")
    invalid["cells"][0]["outputs"] = [{"output_type": "error", "traceback": []}]
    files = {
        "a.ipynb": model_of(with_html(is_trusted=True)),
        "invalid.ipynb": model_of(invalid),
        "a.txt": {"type": "file", "format": "text", "content": "text"},
        "a.bin": {"type": "file", "format": "base64", "content": "/wA=\n"},
    }
    for name, model in files.items():
        seen = []
        for each in (manager, stock):
            saved = await each.save(json.loads(json.dumps(model)), name)
            checkpoints = await each.list_checkpoints(name)
            read = await each.get(name, require_hash=True)
            bare = await each.get(name, content=False, require_hash=True)
            data = Path(each.root_dir, name).read_bytes()
            models = [{k: v for k, v in m.items() if k not in TIMES} for m in (saved, read, bare)]
            seen.append((models, data, len(checkpoints)))
        assert seen[0] == seen[1]
        if name == "invalid.ipynb":
            assert "Notebook validation failed" in seen[0][0][0]["message"]


TIMES = {"created", "last_modified"}


async def test_hooks_see_and_change_what_is_saved(manager: AtomicFileManager) -> None:
    told = []

    def before(model: dict[str, Any], **_: Any) -> None:
        model["content"]["cells"][0]["source"] = "changed"

    manager.register_pre_save_hook(before)
    manager.register_post_save_hook(lambda os_path, **_: told.append(os_path))

    await manager.save(model_of(notebook("1")), "a.ipynb")

    assert (await manager.get("a.ipynb"))["content"]["cells"][0]["source"] == "changed"
    assert told == [os.path.join(manager.root_dir, "a.ipynb")]  # noqa: PTH118 - as told


@pytest.mark.parametrize("name", ["a.ipynb", "a.txt"])
async def test_what_cannot_be_written_is_refused_with_a_reason(
    manager: AtomicFileManager, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "fsync", forbidden)
    model = {"type": "file", "format": "text", "content": ""}

    with pytest.raises(HTTPError) as raised:
        await manager.save(model_of(notebook("1")) if name == "a.ipynb" else model, name)

    assert raised.value.status_code == 403


async def test_content_that_is_no_base64_is_refused(manager: AtomicFileManager) -> None:
    with pytest.raises(HTTPError) as raised:
        await manager.save({"type": "file", "format": "base64", "content": "é"}, "a.bin")

    assert raised.value.status_code == 400
