"""The server is killed again and again while people type on both faces of one notebook.

What was acknowledged must be there afterwards, once: every word that was shown to another page,
and every commit that the stream of patches has stored. Words are numbered, so that one that
is lost, doubled or out of order is seen.

What was shown is looked for before anybody who still holds it may send it again: by a page that
has never been there, right after the server is back.
"""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from bench.documents.report import Found
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.access import Owner, StorageOptions
from cocalc_jupyter_ext.conat.persist.client.connection import ConnectionSettings
from cocalc_jupyter_ext.conat.persist.client.remote import acquire
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from tests.support.cocalc_clients import project_id_of
from tests.support.notebooks import write_notebook
from tests.support.room_client import RoomClient
from tests.support.servers import TOKEN, JupyterServer
from tests.support.synced_notebooks import SYNCED, open_notebook_records
from tests.support.waiting import until

__all__ = ["Kills", "measure"]

ROUNDS = 100
ROUND_S = 60.0
"""A round takes 5 s; one that does not end within this ends the measure with an error."""
SEED = 20
LONGEST_S = 1.5
SETTLED_S = 60.0
NOTEBOOK = "a.ipynb"
PAGE_CELL, CLIENT_CELL, SHARED_CELL = "c0", "c1", "c2"
SOON = ConnectionSettings(rng=lambda: 0.0, reconnect_delay_s=0.02)
"""With the waits of the contract (up to 37 s for a stream that never lasts for a minute,
conat-sync §1.10), a hundred rounds would take an hour and the client be away most of the time."""


class Kills:
    """Types in three cells: one of the page's, one of the client's, and one of both.

    ``written`` are the words of each face that must be there at the end: what the page holds is
    sent again when it is back, and what the client has committed is published again.
    ``acknowledged`` are those that were stored or shown, ``lost`` those of them that were gone.
    """

    def __init__(self, server: JupyterServer, rng: random.Random) -> None:
        self.server = server
        self.rng = rng
        self.page = RoomClient(server, NOTEBOOK)
        self.written: set[str] = set()
        self.acknowledged: set[str] = set()
        self.lost: set[str] = set()
        self.doubled: set[str] = set()
        self.longest_round_s = 0.0
        self._count = 0

    async def run(self, rounds: int) -> None:
        """Kill the server so many times; it runs at the end."""
        async with self._client() as client, self._notebook(client) as db:
            await self.page.connect()
            for _ in range(rounds):
                begun_s = time.monotonic()
                async with asyncio.timeout(ROUND_S):
                    await self._one_round(db)
                self.longest_round_s = max(self.longest_round_s, time.monotonic() - begun_s)
            await self._settle(db)

    async def _one_round(self, db: SyncDB) -> None:
        witness = RoomClient(self.server, NOTEBOOK)
        await witness.connect()
        typing = asyncio.create_task(self._type(db))
        await asyncio.sleep(self.rng.uniform(0.05, LONGEST_S))
        await asyncio.to_thread(self.server.kill)
        await asyncio.sleep(self.rng.uniform(0.0, 0.3))
        typing.cancel()
        await asyncio.gather(typing, self.page.ended(), witness.ended(), return_exceptions=True)
        await asyncio.to_thread(self.server.start)
        await self._look_for(set(words_in(texts_of_page(witness))))
        await self.page.connect(new_session=False)
        await db.document.save()  # the client is back, so that each round has both faces
        await until(lambda: texts_of_page(self.page) == texts_of_client(db), SETTLED_S)

    async def _look_for(self, shown: set[str]) -> None:
        self.acknowledged |= shown
        async with RoomClient(self.server, NOTEBOOK) as stranger:
            self._count_in(texts_of_page(stranger), shown)

    def _count_in(self, texts: Iterable[str], wanted: set[str]) -> None:
        found = Counter(words_in(texts))
        self.lost |= wanted - found.keys()
        self.doubled |= {word for word, count in found.items() if count > 1}

    async def _type(self, db: SyncDB) -> None:
        """Type words on both faces, and note which commits are known to be stored."""
        async with asyncio.TaskGroup() as tasks:
            saving = tasks.create_task(self._save(db))
            while True:
                self._type_in_page()
                self._type_in_client(db)
                if saving.done():
                    saving = tasks.create_task(self._save(db))
                await asyncio.sleep(self.rng.uniform(0.005, 0.05))

    async def _save(self, db: SyncDB) -> None:
        words = {word for word in self.written if word.startswith("b")}
        with suppress(ConatError):
            await db.document.save()
            self.acknowledged |= words

    def _word(self, who: str) -> str:
        self._count += 1
        word = f"{who}{self._count:06d} "
        self.written.add(word.strip())
        return word

    def _type_in_page(self) -> None:
        for index in (0, 2):
            source = self.page.document.ycells[index]["source"]
            source += self._word("a")

    def _type_in_client(self, db: SyncDB) -> None:
        for cell_id in (CLIENT_CELL, SHARED_CELL):
            where = {"type": "cell", "id": cell_id}
            cell = db.get_one(where)
            assert cell is not None, "a cell is gone"
            db.set({**where, "input": self._word("b") + str(cell["input"])})
        db.document.commit()

    async def _settle(self, db: SyncDB) -> None:
        """Wait until both faces have the same, or as long as that may take, and count.

        Everything that was ever written must be on both faces and in the file.
        """
        with suppress(AssertionError):  # what is missing then is counted
            await until(lambda: texts_of_page(self.page) == texts_of_client(db), SETTLED_S)
        assert await self.page.save() == "success", "the file was not saved"
        for texts in (texts_of_page(self.page), texts_of_client(db), self._texts_of_file()):
            self._count_in(texts, self.written)

    def _texts_of_file(self) -> list[str]:
        notebook = json.loads((self.server.work / NOTEBOOK).read_text())
        return ["".join(cell["source"]) for cell in notebook["cells"]]

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        headers = {"Authorization": f"token {TOKEN}"}
        async with Client(
            TornadoTransport(self.server.url, headers=headers), rng=lambda: 0.0
        ) as client:
            yield client

    @asynccontextmanager
    async def _notebook(self, client: Client) -> AsyncIterator[SyncDB]:
        project = project_id_of(self.server)
        async with AsyncExitStack() as stack:
            await self._come_back_soon(client, project, stack)
            await stack.enter_async_context(RoomClient(self.server, NOTEBOOK))  # opens it
            db = await stack.enter_async_context(open_notebook_records(client, project_id=project))
            await until(lambda: db.get_one({"type": "cell", "id": SHARED_CELL}) is not None)
            yield db

    async def _come_back_soon(self, client: Client, project: str, stack: AsyncExitStack) -> None:
        """Be the first who uses the streams of the notebook: who comes later shares the waits."""
        owner, key = Owner(project), string_id(project, SYNCED)
        for name in (f"patches:{key}", f"__dko__syncstrings:{key}"):
            stream = StorageOptions(owner.path_of(name))
            handle = await acquire(client, owner, stream, settings=SOON)
            stack.push_async_callback(handle.close)


def texts_of_page(page: RoomClient) -> list[str]:
    """Return the texts of the cells in a page."""
    return [str(cell["source"]) for cell in page.document.ycells]


def texts_of_client(db: SyncDB) -> list[str]:
    """Return the texts of the cells in the records."""
    cells = sorted(db.get({"type": "cell"}), key=lambda cell: float(cell["pos"]))
    return [str(cell.get("input", "")) for cell in cells]


def words_in(texts: Iterable[str]) -> list[str]:
    """Return all words that somebody typed."""
    return re.findall(r"[ab]\d{6}", " ".join(texts))


async def measure(folder: Path, rounds: int = ROUNDS) -> list[Found]:
    """Kill and count."""
    server = JupyterServer(folder)
    write_notebook(server.work / NOTEBOOK, "", "", "")
    with server:
        kills = Kills(server, random.Random(SEED))
        await kills.run(rounds)
    note = f"  of {len(kills.written):,} words"
    acknowledged = f"  of {len(kills.acknowledged):,} words"
    lost = kills.lost & kills.acknowledged
    return [
        Found(f"{rounds} kills: acknowledged words lost", len(lost), 0, "", acknowledged),
        Found(f"{rounds} kills: words lost", len(kills.lost), 0, "", note),
        Found(f"{rounds} kills: words doubled", len(kills.doubled), 0, "", note),
        Found("longest round", kills.longest_round_s, ROUND_S, "s"),
    ]
