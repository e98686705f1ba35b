"""The server is killed again and again while people type on both faces of one notebook.

What was acknowledged must be there afterwards, once: every word that a page has seen in another
page, and every commit that the stream of patches has stored. Words are numbered, so that one that
is lost, doubled or out of order is seen.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bench.documents.report import Found
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB, open_syncdb
from tests.support.notebooks import write_notebook
from tests.support.room_client import RoomClient
from tests.support.servers import TOKEN, JupyterServer, until

__all__ = ["Kills", "measure"]

ROUNDS = 100
SEED = 20
LONGEST_S = 1.5
SETTLED_S = 60.0
BACK_S = 120.0
PAGE_CELL, CLIENT_CELL, SHARED_CELL = "c0", "c1", "c2"


class Kills:
    """Types in three cells: one of the page's, one of the client's, and one of both.

    ``written`` are the words of each face that must be there at the end: what the page holds is
    sent again when it is back, and what the client has committed is published again.
    """

    def __init__(self, server: JupyterServer, rng: random.Random) -> None:
        self.server = server
        self.rng = rng
        self.page = RoomClient(server, "a.ipynb")
        self.acknowledged: set[str] = set()
        self.written: set[str] = set()
        self._count = 0

    async def run(self, rounds: int) -> None:
        """Kill the server so many times; it runs at the end."""
        async with self._client() as client, self._notebook(client) as db:
            await self.page.connect()
            for _ in range(rounds):
                await self._one_round(db)
            await self._settle(db)

    async def _one_round(self, db: SyncDB) -> None:
        typing = asyncio.create_task(self._type(db))
        await asyncio.sleep(self.rng.uniform(0.05, LONGEST_S))
        await asyncio.to_thread(self.server.kill)
        await asyncio.sleep(self.rng.uniform(0.0, 0.3))
        typing.cancel()
        await asyncio.gather(typing, return_exceptions=True)
        await self.page.ended()
        await asyncio.to_thread(self.server.start)
        await self.page.connect(new_session=False)
        await self._client_is_back(db)

    async def _client_is_back(self, db: SyncDB) -> None:
        """Wait until the client has stored what it holds, so that each round has both faces."""
        async with asyncio.timeout(BACK_S):
            while True:
                with suppress(ConatError):
                    await db.document.save()
                    return
                await asyncio.sleep(0.1)

    async def _type(self, db: SyncDB) -> None:
        """Type words on both faces, and note which commits are known to be stored."""
        saving: asyncio.Task[None] | None = None
        while True:
            self._type_in_page()
            self._type_in_client(db)
            if saving is None or saving.done():
                saving = asyncio.create_task(self._save(db))
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
        """Wait until both faces and the file have the same, or as long as that may take."""
        with suppress(AssertionError):  # what is missing then is counted
            await until(lambda: self._is_settled(db), SETTLED_S)
        await db.document.save()

    def _is_settled(self, db: SyncDB) -> bool:
        return self.texts_of_page() == self.texts_of(db) and not self._missing()

    def texts_of_page(self) -> list[str]:
        """Return the texts of the cells in the page."""
        return [str(cell["source"]) for cell in self.page.document.ycells]

    def texts_of(self, db: SyncDB) -> list[str]:
        """Return the texts of the cells in the records."""
        cells = sorted(db.get({"type": "cell"}), key=lambda cell: float(cell["pos"]))
        return [str(cell.get("input", "")) for cell in cells]

    def _missing(self) -> set[str]:
        return self.written - set(self._words())

    def _words(self) -> list[str]:
        return re.findall(r"[ab]\d{6}", " ".join(self.texts_of_page()))

    @property
    def lost(self) -> set[str]:
        """What was written, and is not there."""
        return self._missing()

    @property
    def doubled(self) -> list[str]:
        """What is there more than once."""
        return [word for word, count in Counter(self._words()).items() if count > 1]

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        headers = {"Authorization": f"token {TOKEN}"}
        async with Client(TornadoTransport(self.server.url, headers=headers)) as client:
            yield client

    @asynccontextmanager
    async def _notebook(self, client: Client) -> AsyncIterator[SyncDB]:
        project = (self.server.folder / "data" / "cocalc" / "project-id").read_text().strip()
        async with (
            RoomClient(self.server, "a.ipynb"),  # the server opens it
            open_syncdb(
                client,
                project_id=project,
                path=".a.ipynb.sage-jupyter2",
                primary_keys=["type", "id"],
                string_cols=["input"],
            ) as db,
        ):
            await until(lambda: db.get_one({"type": "cell", "id": SHARED_CELL}) is not None)
            yield db


async def measure(folder: Path, rounds: int = ROUNDS) -> list[Found]:
    """Kill and count."""
    server = JupyterServer(folder)
    write_notebook(server.work / "a.ipynb", "", "", "")
    with server:
        kills = Kills(server, random.Random(SEED))
        await kills.run(rounds)
    acknowledged = len(kills.lost & kills.acknowledged)
    note = f"  of {len(kills.written):,} words"
    return [
        Found(f"{rounds} kills: acknowledged commits lost", acknowledged, 0, "", note),
        Found(f"{rounds} kills: words lost", len(kills.lost), 0, "", note),
        Found(f"{rounds} kills: words doubled", len(kills.doubled), 0, "", note),
    ]
