"""How clients learn that their document is in its file (syncdoc-jupyter §1.16, §1.17)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.bridge.saving import MAX_ERROR_LENGTH, Saving, SavingTimes
from cocalc_jupyter_ext.documents.document import LiveDocument
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.opening import open_document
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.syncdoc.utf16 import string_hash
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

from ...support.documents import TEXT_ID, MemoryStorage, open_world
from ...support.persist import World, persist_world
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"


@dataclass
class Served:
    """A text of the project that holds "hello", and two who have it open elsewhere."""

    live: LiveDocument
    storage: MemoryStorage
    project: SyncDocument[str]
    client: SyncDocument[str]
    other: SyncDocument[str]
    saving: Saving | None = None
    is_carried_over: bool = True

    def flush(self) -> None:
        """Take what others have committed into the live document, as the bridge would."""
        shared = self.live.ydoc.ydoc["source"]
        if self.is_carried_over and str(shared) != self.project.value:
            with self.live.edit():
                shared.clear()
                shared.insert(0, self.project.value)

    def serve(self, **times: float) -> Saving:
        self.saving = Saving(
            self.live, self.project, self.flush, times=SavingTimes(**times), now_ms=lambda: 77
        )
        self.saving.start()
        return self.saving

    @property
    def state(self) -> dict[str, Any]:
        return dict(self.client.record.get().get("save") or {})

    async def type(self, text: str) -> None:
        self.client.replace(text)
        await self.client.save()

    async def request(self, expected_hash: int | None = None) -> dict[str, Any]:
        """Ask for a save and return the answer."""
        if expected_hash is None:
            expected_hash = string_hash(self.client.text)
        wanted = {"state": "requested", "error": "", "expected_hash": expected_hash}
        self.client.record.update({"save": wanted})
        await until(lambda: self.state.get("state") == "done")
        return self.state


@dataclass
class Seen:
    """What one client saw in the record since it asked: states, and the file at the time."""

    served: Served
    client: SyncDocument[str]
    states: list[tuple[str | None, str]] = field(default_factory=list)
    has_asked: bool = False

    def __post_init__(self) -> None:
        self.client.record.changes.connect(self._note)

    def request(self, time: int = 1) -> None:
        self.has_asked = True
        expected = string_hash(self.client.text)
        asked = {"state": "requested", "error": "", "expected_hash": expected, "time": time}
        self.client.record.update({"save": asked})

    def type_and_request(self, text: str, time: int = 1) -> None:
        self.client.replace(text)
        self.client.commit()
        self.request(time)

    async def answered(self) -> None:
        await until(lambda: "done" in dict(self.states))

    @property
    def files(self) -> set[str]:
        """What was in the file whenever the request looked answered."""
        return {file for state, file in self.states if state == "done"}

    def _note(self) -> None:
        state = (self.client.record.get().get("save") or {}).get("state")
        if self.has_asked:
            self.states.append((state, self.served.storage.files["a.txt"]))


async def take_part(world: World, who: str, **options: Any) -> SyncDocument[str]:
    document = await open_document(
        await world.client(),
        TextKind(),
        DocumentType(),
        project_id=PROJECT,
        path="a.txt",
        participant=who,
        **options,
    )
    world.stack.push_async_callback(document.close)
    return document


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with persist_world(tmp_path / "streams") as world, open_world(tmp_path) as documents:
        live = await documents.registry.open(TEXT_ID)
        project = await take_part(world, PROJECT, is_file_server=True)
        project.replace("hello")
        await project.save()
        ann, ben = await take_part(world, "ann"), await take_part(world, "ben")
        served = Served(live, documents.storage, project, ann, ben)
        yield served
        if served.saving is not None:
            await served.saving.close()


async def noted(served: Served, text: str = "hello") -> None:
    await until(lambda: served.state.get("hash") == string_hash(text))


async def test_a_request_writes_the_file_and_is_answered_with_the_hash(served: Served) -> None:
    served.serve()
    await served.type("hello 🐍\n")

    answer = await served.request()

    assert served.storage.files["a.txt"] == "hello 🐍\n"
    assert answer["error"] == ""
    assert answer["hash"] == answer["expected_hash"] == string_hash("hello 🐍\n")
    assert answer["time"] == 77


async def test_what_was_loaded_counts_as_saved(served: Served) -> None:
    served.serve()

    await noted(served)
    assert (served.state["state"], served.state["error"]) == ("done", "")
    assert served.storage.saves == 0


async def test_a_file_that_has_everything_is_not_written(served: Served) -> None:
    served.serve()
    await noted(served)
    served.storage.full_disk = True

    answer = await served.request()

    assert answer["error"] == ""
    assert served.storage.saves == 0


async def test_a_save_by_the_server_itself_is_noted(served: Served) -> None:
    served.serve()
    await noted(served)
    await served.type("hello, all")
    await until(lambda: served.project.value == "hello, all")
    served.flush()

    await served.live.save()

    await noted(served, "hello, all")
    assert served.state["state"] == "done"


async def test_what_the_file_need_not_have_counts_as_saved_soon(served: Served) -> None:
    """As when the records of a notebook change in what the plain notebook cannot express."""
    served.is_carried_over = False
    served.serve(note_s=0.01)
    await noted(served)

    served.project.replace("hello, with more than the shared document has")
    served.project.commit()

    await noted(served, "hello, with more than the shared document has")
    assert served.storage.saves == 0


async def test_a_failure_is_told_and_the_next_attempt_may_succeed(served: Served) -> None:
    served.serve()
    await noted(served)
    await served.type("more")
    served.storage.full_disk = True
    assert "no space left" in (await served.request())["error"]
    assert served.state["hash"] == string_hash("hello")

    served.storage.full_disk = False

    assert (await served.request())["error"] == ""
    assert served.storage.files["a.txt"] == "more"


async def test_whatever_goes_wrong_a_request_is_answered(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("x" * 5000)

    served.serve()
    await noted(served)
    monkeypatch.setattr(served.live, "save", broken)
    await served.type("more")

    error = (await served.request())["error"]

    assert "RuntimeError: xxx" in error
    assert len(error) == MAX_ERROR_LENGTH
    assert "could not be saved" in caplog.text


async def test_writing_that_does_not_end_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    served.serve(longest_s=0.05)
    await noted(served)
    monkeypatch.setattr(served.live, "save", endless)
    await served.type("more")

    assert "within 0.05 s" in (await served.request())["error"]


async def test_a_request_from_before_the_start_is_answered(served: Served) -> None:
    await served.type("hello again")
    await until(lambda: served.project.value == "hello again")
    request = asyncio.create_task(served.request())
    await until(lambda: served.project.record.get().get("save") is not None)

    served.serve()

    assert (await request)["hash"] == string_hash("hello again")
    assert served.storage.files["a.txt"] == "hello again"


async def test_a_request_that_is_open_when_the_document_closes_is_answered(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = served.serve(closing_s=0.05)
    await noted(served)
    begun, attempts = asyncio.Event(), 0

    async def endless() -> None:
        nonlocal attempts
        attempts += 1
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(served.live, "save", endless)
    await served.type("more")
    request = asyncio.create_task(served.request())
    await begun.wait()

    await saving.close()
    await saving.close()

    assert "try again" in (await request)["error"]
    assert attempts == 2


async def test_a_request_that_comes_before_its_commits_waits_for_them(served: Served) -> None:
    """The record and the commits come on different ways."""
    served.serve(arriving_s=60)
    await noted(served)
    request = asyncio.create_task(served.request(string_hash("hello you")))
    await until(lambda: served.project.record.get()["save"]["state"] == "requested")

    await served.type("hello you")

    assert (await request)["hash"] == string_hash("hello you")
    assert served.storage.files["a.txt"] == "hello you"


async def test_who_does_not_know_yet_what_the_project_wrote_is_answered_at_once(
    served: Served,
) -> None:
    """The project writes while it saves, for instance when it did (§4.9)."""
    served.serve(arriving_s=60)
    await noted(served)
    await served.type("mine")
    known = string_hash(served.client.text)
    await until(lambda: served.project.value == "mine")
    for addition in "!?":
        served.project.replace(served.project.value + addition)
        served.project.commit()

    answer = await served.request(known)

    assert answer["hash"] == string_hash("mine!?")
    assert answer["error"] == ""


async def test_who_did_not_know_what_others_typed_is_answered_at_once(served: Served) -> None:
    served.serve(arriving_s=60)
    await noted(served)
    await served.type("mine")
    known = string_hash(served.client.text)
    await until(lambda: served.other.value == "mine")
    served.other.replace("mine and theirs")
    await served.other.save()
    await until(lambda: served.project.value == "mine and theirs")

    answer = await served.request(known)

    assert answer["hash"] == string_hash("mine and theirs")


async def test_what_was_stored_before_a_request_is_saved_whoever_asks_for_what(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two requests at once the project sees one, and may know the commits of its author only."""
    served.serve()
    await noted(served)
    known, catch_up = string_hash(served.client.text), served.project.catch_up

    async def with_what_was_under_way() -> None:
        await served.type("mine")
        await catch_up()

    monkeypatch.setattr(served.project, "catch_up", with_what_was_under_way)

    answer = await served.request(known)

    assert answer["hash"] == string_hash("mine")
    assert served.storage.files["a.txt"] == "mine"


async def test_a_store_that_does_not_answer_keeps_no_request_waiting(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.serve(stored_s=0.01)
    await noted(served)
    await served.type("mine")
    await until(lambda: served.project.value == "mine")
    monkeypatch.setattr(served.project, "catch_up", asyncio.Event().wait)

    answer = await served.request()

    assert answer["hash"] == string_hash("mine")


async def test_a_request_whose_hash_never_comes_about_is_answered_all_the_same(
    served: Served,
) -> None:
    served.serve(arriving_s=0.05)
    await noted(served)
    await served.type("mine")

    answer = await served.request(expected_hash=12345)

    assert answer["hash"] == string_hash("mine")
    assert answer["error"] == ""


async def test_what_is_typed_while_the_file_is_written_is_not_said_to_be_saved(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.serve()
    await noted(served)
    save = served.storage.save

    async def slow(path: str, content: Any, **kinds: str) -> Any:
        served.live.ydoc.ydoc["source"].insert(0, "typed ")
        return await save(path, content, **kinds)

    monkeypatch.setattr(served.storage, "save", slow)
    await served.type("mine")

    answer = await served.request()

    assert answer["hash"] == string_hash("mine")
    assert served.storage.files["a.txt"] == "mine"


async def test_whether_the_file_may_be_written_is_said_and_followed(served: Served) -> None:
    served.storage.read_only.add("a.txt")
    served.serve(permissions_s=0.01)
    await until(lambda: served.client.record.get().get("read_only") is True)
    await noted(served)
    await served.type("more")
    assert "read-only" in (await served.request())["error"]

    served.storage.read_only.clear()

    await until(lambda: served.client.record.get().get("read_only") is False)
    assert (await served.request())["error"] == ""


# Requests that coincide with what the project writes (§1.17)


def just(
    when: str, monkeypatch: pytest.MonkeyPatch, document: SyncDocument[str], do: Callable[[], None]
) -> asyncio.Event:
    """Do something once in the turn in which ``save`` is written next, before or after that."""
    update = document.record.update
    is_done = asyncio.Event()

    def updating(changes: Mapping[str, Any]) -> None:
        is_now = "save" in changes and not is_done.is_set()
        if is_now:
            is_done.set()
        if is_now and when == "before":
            do()
        update(changes)
        if is_now and when == "after":
            do()

    monkeypatch.setattr(document.record, "update", updating)
    return is_done


async def everybody_has(served: Served, text: str) -> None:
    await served.type(text)
    await until(lambda: served.project.value == served.other.value == text)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_first_note_is_no_answer_to_a_request_made_at_the_same_time(
    served: Served, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    seen = Seen(served, served.client)
    just(when, monkeypatch, served.project, lambda: seen.type_and_request("hello you"))

    served.serve()

    await seen.answered()
    assert seen.files == {"hello you"}
    assert served.state["hash"] == string_hash("hello you")


async def test_what_the_file_has_is_known_though_the_request_of_one_who_did_not_know_it_fails(
    served: Served,
) -> None:
    served.serve()
    await noted(served)
    served.storage.full_disk = True
    await served.type("hello you")
    request = {"state": "requested", "error": "", "expected_hash": string_hash("hello you")}
    objects, key = served.client.record._objects, served.client.record._key  # as others write it

    objects.set(key, {**served.client.record.get(), "save": request})

    await until(lambda: served.state.get("state") == "done")
    assert "no space left" in served.state["error"]
    assert served.state["hash"] == string_hash("hello")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_later_note_is_no_answer_to_a_request_made_at_the_same_time(
    served: Served, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    served.serve()
    await noted(served)
    await everybody_has(served, "hello all")
    served.flush()
    seen = Seen(served, served.client)
    just(when, monkeypatch, served.project, lambda: seen.type_and_request("hello you"))

    await served.live.save()  # which is noted

    await seen.answered()
    assert seen.files == {"hello you"}
    assert served.state["hash"] == string_hash("hello you")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_answer_to_one_client_is_none_to_another_that_asks_at_the_same_time(
    served: Served, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    served.serve()
    await noted(served)
    await everybody_has(served, "one")
    first, second = Seen(served, served.client), Seen(served, served.other)
    just(when, monkeypatch, served.project, lambda: second.type_and_request("two", time=2))

    first.request()

    await second.answered()
    assert second.files == {"two"}
    await until(lambda: served.state["state"] == "done")
    assert served.state["error"] == ""
    assert served.state["hash"] == string_hash("two")


async def test_a_request_that_comes_while_the_file_is_written_for_another_is_answered_next(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.serve()
    await noted(served)
    await everybody_has(served, "one")
    first, second = Seen(served, served.client), Seen(served, served.other)
    save = served.storage.save

    async def slow(path: str, content: Any, **kinds: str) -> Any:
        if content == "one":
            second.type_and_request("two", time=2)
            record = served.project.record
            await until(lambda: record.get()["save"]["time"] == 2)
        return await save(path, content, **kinds)

    monkeypatch.setattr(served.storage, "save", slow)

    first.request()

    await asyncio.gather(first.answered(), second.answered())
    assert second.files == {"two"}
    assert served.storage.files["a.txt"] == "two"


async def test_two_who_ask_in_the_same_moment_both_get_an_answer(served: Served) -> None:
    served.serve()
    await noted(served)
    await everybody_has(served, "both")
    first, second = Seen(served, served.client), Seen(served, served.other)

    first.request(time=1)
    second.request(time=2)

    await asyncio.gather(first.answered(), second.answered())
    assert first.files == second.files == {"both"}
    assert served.state["hash"] == string_hash("both")


async def test_a_request_that_another_client_writes_over_is_fulfilled_all_the_same(
    served: Served,
) -> None:
    """Clients that have nothing to save say "done", whoever waits (§1.17, 1)."""
    served.serve()
    await noted(served)
    await everybody_has(served, "asked for")
    first = Seen(served, served.client)
    written_over = served.project.record.changes.connect(
        lambda: served.project.record.update({"save": {"state": "done", "error": ""}})
    )

    first.request()

    await until(lambda: served.storage.files["a.txt"] == "asked for")
    written_over()
    await noted(served, "asked for")


async def test_a_request_that_comes_while_the_document_closes_is_told_so(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = served.serve()
    await noted(served)
    await everybody_has(served, "one")
    first, second = Seen(served, served.client), Seen(served, served.other)
    begun, save = asyncio.Event(), served.storage.save

    async def slow(path: str, content: Any, **kinds: str) -> Any:
        if begun.is_set():
            second.request(time=2)
            record = served.project.record
            await until(lambda: record.get()["save"]["time"] == 2)
            return await save(path, content, **kinds)
        begun.set()
        return await asyncio.Event().wait()

    monkeypatch.setattr(served.storage, "save", slow)
    first.request()
    await begun.wait()

    await saving.close()

    await second.answered()
    assert "closed meanwhile" in served.other.record.get()["save"]["error"]
