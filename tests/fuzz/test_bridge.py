"""Pages of JupyterLab and CoCalc clients edit one notebook at once, and lose nothing (SPEC B).

Everybody types characters of which there is only one, moves, splits, merges and deletes cells;
pages are off line at times, and the project's process is closed or dies. After each round all
show the same, each character is there once, unless somebody deleted it. What Yjs itself cannot
keep is exempt (B8): what is typed into a shared cell that somebody else moves, replaces or
deletes in the same instant. The seed is in the test's name.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Doc

from cocalc_jupyter_ext.documents.bridge.bridge import BridgeTimes
from cocalc_jupyter_ext.documents.bridge.bridged_document import BridgedDocument
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces
from cocalc_jupyter_ext.documents.bridge.shared_cells import insert_cell, read_cell
from cocalc_jupyter_ext.documents.document import LiveDocument
from cocalc_jupyter_ext.documents.notebook_cells import shared_output
from cocalc_jupyter_ext.documents.notebook_records.cells import cell_from_record
from cocalc_jupyter_ext.documents.notebook_records.positions import in_order
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB

from ..support.documents import NOTEBOOK_ID, MemoryStorage, open_world
from ..support.notebooks import notebook
from ..support.persist import persist_world
from ..support.synced_notebooks import PROJECT, open_notebook_records

ROUNDS = 3
STEPS = 18
SEEDS = 300
SEEDS_PER_TEST = 30
STRICT_SEEDS = 30

Cell = tuple[str, str]
"""The id and the text of a cell."""

STILL = BridgeTimes(quiet_s=3600, longest_s=3600, repair_s=0.02)


class Editor(Protocol):
    """Somebody who edits, on either face."""

    name: str
    is_page: bool

    def cells(self) -> list[Cell]: ...
    def type(self, cell_id: str, start: int, end: int, text: str) -> None: ...
    def insert(self, index: int, cell_id: str, text: str) -> None: ...
    def move(self, cell_id: str, index: int) -> None: ...
    def delete(self, cell_id: str) -> None: ...
    def change_type(self, cell_id: str) -> None: ...
    def add_output(self, cell_id: str, text: str) -> None: ...
    def snapshot(self) -> list[Any]: ...


class Page:
    """JupyterLab; what it does and sees travels when ``sync`` is called."""

    is_page = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.notebook = YNotebook(Doc())
        self._document: LiveDocument | None = None
        self._inbox: list[bytes] = []

    def sync(self, document: LiveDocument) -> None:
        if document is not self._document:
            self._connect(document)
        own = self.notebook.ydoc
        update = own.get_update(document.ydoc.ydoc.get_state())
        document.apply(update, origin=self, author=self.name)
        for update in self._inbox:
            own.apply_update(update)
        self._inbox.clear()

    def _connect(self, document: LiveDocument) -> None:
        """Follow a document as rooms do: by what is in its log already (L1)."""
        self._document = document
        self._inbox = inbox = []
        document.subscribe(lambda update, _origin: inbox.append(update))
        everything = document.ydoc.ydoc.get_update()
        document.after_durable(lambda: inbox.append(everything))

    def cells(self) -> list[Cell]:
        return [(cell.get("id"), str(cell["source"])) for cell in self.notebook.ycells]

    def type(self, cell_id: str, start: int, end: int, text: str) -> None:
        source = self.notebook.ycells[self._index(cell_id)]["source"]
        current = str(source)
        first = len(current[:start].encode())
        with self.notebook.ydoc.transaction():
            if end > start:
                del source[first : len(current[:end].encode())]
            source.insert(first, text)

    def insert(self, index: int, cell_id: str, text: str) -> None:
        with self.notebook.ydoc.transaction():
            insert_cell(self.notebook, index, {"id": cell_id, "source": text, "outputs": []})

    def move(self, cell_id: str, index: int) -> None:
        with self.notebook.ydoc.transaction():
            old = self._index(cell_id)
            cell = read_cell(self.notebook.ycells[old])
            del self.notebook.ycells[old]
            insert_cell(self.notebook, min(index, len(self.notebook.ycells)), cell)

    def delete(self, cell_id: str) -> None:
        del self.notebook.ycells[self._index(cell_id)]

    def change_type(self, cell_id: str) -> None:
        with self.notebook.ydoc.transaction():
            index = self._index(cell_id)
            cell = read_cell(self.notebook.ycells[index])
            other = "code" if cell["cell_type"] == "markdown" else "markdown"
            del self.notebook.ycells[index]
            changed = {"id": cell_id, "cell_type": other, "source": cell["source"]}
            insert_cell(self.notebook, index, changed)

    def add_output(self, cell_id: str, text: str) -> None:
        cell = self.notebook.ycells[self._index(cell_id)]
        if cell["cell_type"] == "code":
            output = {"output_type": "stream", "name": "stdout", "text": text}
            cell["outputs"].append(shared_output(output))

    def snapshot(self) -> list[Any]:
        return [_shown(read_cell(cell)) for cell in self.notebook.ycells]

    def _index(self, cell_id: str) -> int:
        return [cell.get("id") for cell in self.notebook.ycells].index(cell_id)


class Client:
    """A CoCalc client; what it does travels when it commits, or when something comes."""

    is_page = False

    def __init__(self, name: str, db: SyncDB) -> None:
        self.name = name
        self.db = db

    def cells(self) -> list[Cell]:
        return [(cell["id"], cell.get("input", "")) for cell in self._records()]

    def type(self, cell_id: str, start: int, end: int, text: str) -> None:
        current = dict(self.cells())[cell_id]
        self._set(cell_id, input=current[:start] + text + current[end:])

    def insert(self, index: int, cell_id: str, text: str) -> None:
        self._set(cell_id, input=text, cell_type="code", pos=self._position(index))

    def move(self, cell_id: str, index: int) -> None:
        self._set(cell_id, pos=self._position(index))

    def delete(self, cell_id: str) -> None:
        self.db.delete({"type": "cell", "id": cell_id})

    def change_type(self, cell_id: str) -> None:
        cell = self.db.get_one({"type": "cell", "id": cell_id}) or {}
        other = "code" if cell.get("cell_type") == "markdown" else "markdown"
        self._set(cell_id, cell_type=other, output=None)

    def add_output(self, cell_id: str, text: str) -> None:
        cell = self.db.get_one({"type": "cell", "id": cell_id}) or {}
        if cell.get("cell_type", "code") == "code":
            number = str(len(cell.get("output") or {}))
            self._set(cell_id, output={number: {"name": "stdout", "text": text}})

    def snapshot(self) -> list[Any]:
        return [_shown(cell_from_record(cell, lambda _blob: None)) for cell in self._records()]

    def _records(self) -> list[Any]:
        return in_order(self.db.get({"type": "cell"}))

    def _set(self, cell_id: str, **fields: Any) -> None:
        self.db.set({"type": "cell", "id": cell_id, **fields})

    def _position(self, index: int) -> float:
        positions = [cell.get("pos", 0) for cell in self._records()]
        if index <= 0 or not positions:
            return min(positions, default=0) - 1
        if index >= len(positions):
            return max(positions) + 1
        return (positions[index - 1] + positions[index]) / 2


def _shown(cell: dict[str, Any]) -> Any:
    return (cell["id"], cell["cell_type"], cell["source"], cell.get("outputs") or [])


class CharactersError(AssertionError):
    """Everybody shows the same, but not each character is there once."""


class Ledger:
    """Which characters must be there after a round, and which may be missing or double."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.doubled: set[str] = set()
        self.begin([])

    def begin(self, cells: list[Cell]) -> None:
        self.held: dict[str, set[str]] = defaultdict(set)
        for cell_id, text in cells:
            self.held[cell_id] = set(text)
        self.typed: list[tuple[str, str, str]] = []
        self.replaced: dict[str, set[str]] = defaultdict(set)
        self.shared_replaced: set[str] = set()
        self.rearranged: set[str] = set()
        self.deleted: set[str] = set()
        self.halved: set[str] = set()

    def type(self, editor: Editor, cell_id: str, text: str) -> None:
        self.alive |= set(text)
        self.held[cell_id] |= set(text)
        self.typed += [(editor.name, cell_id, each) for each in text]

    def delete(self, text: str, left: str = "") -> None:
        """Note what somebody deleted; of two copies that a replay showed, one may be left."""
        self.deleted |= set(text)
        self.halved |= set(text) & set(left)

    def replace(self, editor: Editor, cell_id: str) -> None:
        self.replaced[cell_id].add(editor.name)
        self.rearranged.add(cell_id)
        if editor.is_page:
            self.shared_replaced.add(cell_id)

    def check(self, cells: list[Cell], pages: set[str]) -> None:
        counts = Counter("".join(text for _cell_id, text in cells))
        missing = self.alive - self.deleted - set(counts) - set(self._may_be_lost(pages))
        rearranged = {each for cell_id in self.rearranged for each in self.held[cell_id]}
        rearranged |= self.doubled
        double = {each for each, count in counts.items() if count > 1} - rearranged
        back = (self.deleted & set(counts)) - rearranged - self.halved
        wrong = {"lost": missing, "double": double, "back": back}
        if any(wrong.values()):
            raise CharactersError(wrong)
        self.alive = set(counts)
        self.doubled = {each for each, count in counts.items() if count > 1}
        self.begin(cells)

    def _may_be_lost(self, pages: set[str]) -> Iterator[str]:
        """Yield what was typed by way of a shared cell that somebody else replaced (B8)."""
        for name, cell_id, each in self.typed:
            others = self.replaced[cell_id] - {name}
            if others and (name in pages or cell_id in self.shared_replaced):
                yield each


class Story:
    """A project that may die, pages and clients."""

    cells = 3
    actions: ClassVar[dict[str, int]] = {
        "type": 60,
        "delete_text": 8,
        "insert": 6,
        "move": 3,
        "delete": 3,
        "split": 2,
        "merge": 2,
        "change_type": 2,
        "output": 4,
    }
    """What is done how often."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.storage = MemoryStorage()
        self.storage.write("a.ipynb", notebook(*[""] * self.cells))
        self.pages = [Page(f"page {number}") for number in range(self._crowd())]
        self.clients: list[Client] = []
        self.ledger = Ledger()
        self.count = 0

    async def run(self) -> None:
        async with persist_world(self.folder / "streams") as conat:
            self.conat = conat
            await self._start()
            self.clients = [await self._client(n) for n in range(self._crowd())]
            await self._meet()
            await self._settle()
            self.ledger.begin(self.clients[0].cells())
            for _ in range(ROUNDS):
                for _ in range(STEPS):
                    await self._step()
                await self._settle()
                self._check()
            for client in self.clients:
                await client.db.close()
            await self.life.aclose()

    @property
    def editors(self) -> list[Editor]:
        return [*self.pages, *self.clients]

    def _crowd(self) -> int:
        """Return how many edit on one face."""
        return self.rng.randint(1, 3)

    def _cells_for(self, editor: Editor) -> list[Cell]:
        """Return the cells that somebody may edit next."""
        return editor.cells()

    def _check(self) -> None:
        self.ledger.check(self.clients[0].cells(), {page.name for page in self.pages})

    async def _client(self, number: int) -> Client:
        name = f"client {number}"
        return Client(name, await open_notebook_records(await self.conat.client(), who=name))

    # The project

    async def _start(self) -> None:
        self.life = AsyncExitStack()
        world = await self.life.enter_async_context(open_world(self.folder, self.storage))
        self.registry = world.registry
        self.document = await world.registry.open(NOTEBOOK_ID)
        faces = two_faces(self.document.ydoc, "a.ipynb")
        assert faces is not None
        self.link = await self.conat.client()
        self.bridged = BridgedDocument(
            self.document,
            faces,
            client=self.link,
            project_id=PROJECT,
            account_of=str,
            times=STILL,
        )
        await self.bridged.start()
        self.document.closing.append(self.bridged.close)

    async def _close(self) -> None:
        await self.life.aclose()
        await self.link.close()

    async def _die(self) -> None:
        """Drop everything that is in memory only."""
        document, patches, bridge = self.document, self.bridged.document, self.bridged._bridge
        assert patches is not None
        assert bridge is not None
        self.registry._slots.clear()
        document.on_author = lambda _name: None
        for disconnect in (*bridge._disconnects, *self.bridged._disconnects):
            disconnect()
        bridge._disconnects = []
        for timer in (bridge._timer, bridge._repairing):
            if timer is not None:
                timer.cancel()
        bridge._face.close()
        await self.link.close()
        patches._live = patches._synced  # nothing is committed any more
        await patches.close()
        for task in document.file._tasks:
            task.cancel()
        await asyncio.gather(*document.file._tasks, return_exceptions=True)
        document._log._queue.clear()
        await document._log.close()
        document._free()
        await self.life.aclose()

    async def _meet(self) -> None:
        """Let everybody be known to everybody: those who join at once may use the same times."""
        patches = self.bridged.document
        assert patches is not None
        for page in self.pages:
            patches._participants.join(page.name)
        documents = [patches, *(client.db.document for client in self.clients)]
        everybody = {PROJECT, *(editor.name for editor in self.editors)}
        await _until(lambda: all(set(each.users) == everybody for each in documents))
        await _until(lambda: all(each.users == patches.users for each in documents))

    # Steps

    async def _step(self) -> None:
        await self._pass_time()
        if self.rng.random() < 0.02:
            await self.rng.choice([self._die, self._close])()
            await self._start()
            return
        editor = self.rng.choice(self.editors)
        cells = self._cells_for(editor)
        if not cells:
            return
        cell_id, text = self.rng.choice(cells)
        [action] = self.rng.choices(list(self.actions), list(self.actions.values()))
        getattr(self, f"_{action}")(editor, cell_id, text)

    async def _pass_time(self) -> None:
        """Let some news travel."""
        for page in self.pages:
            if self.rng.random() < 0.3:
                page.sync(self.document)
        for client in self.clients:
            if self.rng.random() < 0.3:
                client.db.document.commit()
        if self.rng.random() < 0.3:
            self.bridged.flush()
        for _ in range(self.rng.choice([0, 0, 1, 5, 20])):
            await asyncio.sleep(0)

    def _token(self) -> str:
        """Return a character that nobody used: of one, two, and of right-to-left scripts."""
        self.count += 1
        return chr((0x4E00, 0x1F300, 0xFB50)[self.count % 3] + self.count)

    def _type(self, editor: Editor, cell_id: str, text: str) -> None:
        place = self.rng.randint(0, len(text))
        typed = "".join(self._token() for _ in range(self.rng.randint(1, 3)))
        editor.type(cell_id, place, place, typed)
        self.ledger.type(editor, cell_id, typed)

    def _delete_text(self, editor: Editor, cell_id: str, text: str) -> None:
        start = self.rng.randint(0, len(text))
        end = min(len(text), start + self.rng.randint(1, 3))
        editor.type(cell_id, start, end, "")
        self.ledger.delete(text[start:end], left=text[:start] + text[end:])

    def _insert(self, editor: Editor, _cell_id: str, _text: str) -> None:
        self.count += 1
        cell_id, typed = f"n{self.count}", self._token()
        editor.insert(self.rng.randint(0, len(editor.cells())), cell_id, typed)
        self.ledger.type(editor, cell_id, typed)

    def _move(self, editor: Editor, cell_id: str, _text: str) -> None:
        editor.move(cell_id, self.rng.randint(0, len(editor.cells())))
        self.ledger.replace(editor, cell_id)

    def _delete(self, editor: Editor, cell_id: str, text: str) -> None:
        editor.delete(cell_id)
        self.ledger.replace(editor, cell_id)
        self.ledger.delete(text)

    def _change_type(self, editor: Editor, cell_id: str, _text: str) -> None:
        editor.change_type(cell_id)
        self.ledger.replace(editor, cell_id)

    def _split(self, editor: Editor, cell_id: str, text: str) -> None:
        place = self.rng.randint(0, len(text))
        self.count += 1
        new_id = f"n{self.count}"
        index = [each for each, _text in editor.cells()].index(cell_id)
        editor.insert(index, new_id, text[:place])
        editor.type(cell_id, 0, place, "")
        self.ledger.rearranged |= {cell_id, new_id}
        self.ledger.type(editor, new_id, text[:place])

    def _merge(self, editor: Editor, cell_id: str, text: str) -> None:
        cells = editor.cells()
        index = cells.index((cell_id, text))
        if index + 1 == len(cells):
            return
        next_id, next_text = cells[index + 1]
        editor.type(cell_id, len(text), len(text), next_text)
        editor.delete(next_id)
        self.ledger.rearranged.add(cell_id)
        self.ledger.replace(editor, next_id)
        self.ledger.type(editor, cell_id, next_text)

    def _output(self, editor: Editor, cell_id: str, _text: str) -> None:
        self.count += 1
        editor.add_output(cell_id, f"{self.count}\n")

    # The end of a round

    async def _settle(self) -> None:
        await _until(self._is_quiet)

    def _is_quiet(self) -> bool:
        for page in self.pages:
            page.sync(self.document)
        self.bridged.flush()
        for client in self.clients:
            client.db.document.commit()
        documents = [client.db.document for client in self.clients]
        patches = self.bridged.document
        assert patches is not None
        known = [each.graph.times for each in (*documents, patches)]
        shown = [editor.snapshot() for editor in self.editors]
        return all(each == known[0] for each in known) and all(each == shown[0] for each in shown)


class OneCell(Story):
    """Three pages and three clients type into one cell and nothing else: nothing is exempt."""

    cells = 1
    actions: ClassVar[dict[str, int]] = {"type": 70, "delete_text": 15}

    def _crowd(self) -> int:
        return 3


class OwnCells(Story):
    """Everybody edits one cell alone: it holds, to the character, what its editor had there."""

    cells = 6
    actions: ClassVar[dict[str, int]] = {"type": 60, "delete_text": 15, "output": 5}

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.wanted: dict[str, str] = {}

    def _crowd(self) -> int:
        return 3

    def _cells_for(self, editor: Editor) -> list[Cell]:
        own = f"c{[each.name for each in self.editors].index(editor.name)}"
        return [cell for cell in editor.cells() if cell[0] == own]

    def _type(self, editor: Editor, cell_id: str, text: str) -> None:
        super()._type(editor, cell_id, text)
        self.wanted[cell_id] = dict(editor.cells())[cell_id]

    def _delete_text(self, editor: Editor, cell_id: str, text: str) -> None:
        super()._delete_text(editor, cell_id, text)
        self.wanted[cell_id] = dict(editor.cells())[cell_id]

    def _check(self) -> None:
        super()._check()
        assert {**dict(self.clients[0].cells()), **self.wanted} == dict(self.clients[0].cells())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
async def test_both_faces_stay_equal_and_keep_what_is_typed(tmp_path: Path, first: int) -> None:
    await _tell(Story, tmp_path, range(first, first + SEEDS_PER_TEST))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("story", [OneCell, OwnCells])
@pytest.mark.parametrize("first", range(0, STRICT_SEEDS, SEEDS_PER_TEST))
async def test_without_moving_cells_nothing_is_exempt(
    tmp_path: Path, story: type[Story], first: int
) -> None:
    await _tell(story, tmp_path, range(first, first + SEEDS_PER_TEST))


async def _tell(story: type[Story], folder: Path, seeds: Iterable[int]) -> None:
    for seed in seeds:
        own_folder = folder / str(seed)
        own_folder.mkdir()
        try:
            await story(own_folder, seed).run()
        except Exception as error:
            error.add_note(f"{story.__name__}, seed {seed}")
            raise
