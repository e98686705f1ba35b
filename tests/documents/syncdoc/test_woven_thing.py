"""A cell comes, goes, and stays when somebody typed into it meanwhile (SPEC B9)."""

import pytest

from cocalc_jupyter_ext.documents.syncdoc.weave import NOBODYS, Weave
from cocalc_jupyter_ext.documents.syncdoc.woven_thing import Shown, WovenThing

FIRST, SECOND, THIRD = 1, 2, 4
START = {"input": "abc"}


def thing(*reach: int, texts: dict[str, str] | None = START) -> WovenThing:
    return WovenThing(reach, texts)


def start(cell: WovenThing) -> dict[str, Shown]:
    return {"input": cell.shown_at_start("input", "abc")}


def test_it_is_there_from_the_start_or_since_somebody_made_it() -> None:
    assert thing().is_alive(0)
    new = thing(FIRST, texts=None)
    assert not new.is_alive(0)

    new.write(0, 0, None, {"input": ""})

    assert new.is_alive(FIRST)
    assert new.texts(FIRST) == {"input": ""}
    assert new.has_come_or_gone


def test_who_deletes_it_takes_away_what_was_known() -> None:
    cell = thing(FIRST)

    cell.delete(0, 0, start(cell))

    assert not cell.is_alive(FIRST)
    assert cell.is_alive(0)


def test_it_stays_with_all_of_its_text_when_another_typed_meanwhile() -> None:
    cell = thing(FIRST, SECOND)
    cell.delete(0, 0, start(cell))
    cell.write(1, 0, start(cell), {"input": "abcd"})

    assert cell.texts(FIRST | SECOND) == {"input": "abcd"}
    assert cell.last_writer == 1


def test_who_deletes_it_after_that_deletes_it() -> None:
    cell = thing(FIRST, SECOND, FIRST | SECOND | THIRD)
    cell.delete(0, 0, start(cell))
    seen = cell.write(1, 0, start(cell), {"input": "abcd"})

    cell.delete(2, FIRST | SECOND, seen)

    assert not cell.is_alive(FIRST | SECOND | THIRD)


def test_it_stays_when_who_deleted_it_was_not_shown_all_of_it() -> None:
    """A replay lost what another had typed."""
    cell = thing(FIRST, FIRST | SECOND)
    cell.write(0, 0, start(cell), {"input": "abcd"})

    cell.delete(1, FIRST, start(cell))

    assert cell.texts(FIRST | SECOND) == {"input": "abcd"}


def test_what_is_made_anew_does_not_have_what_was_deleted() -> None:
    cell = thing(FIRST, FIRST | SECOND)
    cell.delete(0, 0, start(cell))

    cell.write(1, FIRST, None, {"input": "new"})

    assert cell.texts(FIRST | SECOND) == {"input": "new"}


def test_what_two_make_at_the_same_time_with_the_same_text_has_it_once() -> None:
    """Two who undo one deletion."""
    cell = thing(FIRST, SECOND, texts=None)
    cell.write(0, 0, None, {"input": "same"})

    cell.write(1, 0, None, {"input": "same!"})

    assert cell.texts(FIRST | SECOND) == {"input": "same!"}


def test_who_gives_back_what_a_replay_lost_types_nothing() -> None:
    cell = thing(FIRST, SECOND, FIRST | SECOND | THIRD, texts={"input": ""})
    cell.write(0, 0, None, {"input": "ann"})
    bob = cell.write(1, 0, None, {"input": "bob"})

    after = cell.write(2, FIRST | SECOND, bob, {"input": "annbob"})

    assert cell.texts(FIRST | SECOND | THIRD) == {"input": "annbob"}
    assert NOBODYS not in after["input"].names


def test_what_is_erased_in_a_replay_that_has_another_order_is_the_very_same_character() -> None:
    cell = thing(FIRST, SECOND, FIRST | SECOND | THIRD, texts={"input": ""})
    ann = cell.write(0, 0, None, {"input": "ann"})["input"]
    cell.write(1, 0, None, {"input": "bob"})

    replayed = cell.replay(1, FIRST, "input", ann, "bobann")
    cell.write(2, FIRST | SECOND, {"input": replayed}, {"input": "boann"})

    assert cell.texts(FIRST | SECOND | THIRD) == {"input": "annbo"}


def test_of_two_copies_in_a_replay_the_one_that_stays_is_what_was_typed() -> None:
    cell = thing(FIRST, FIRST | SECOND, 7, texts={"input": ""})
    typed = cell.write(0, 0, None, {"input": "x"})["input"]
    twice = cell.replay(1, FIRST, "input", typed, "xax")
    assert twice.names == [*typed.names, NOBODYS, NOBODYS]

    cell.write(1, FIRST, {"input": twice}, {"input": "ax"})
    once = cell.replay(1, FIRST, "input", twice, "ax")
    cell.write(2, FIRST | SECOND, {"input": once}, {"input": "a"})

    assert "x" not in cell.texts(7)["input"]


def test_a_long_text_is_read_once_for_all_commits_of_each_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read anew for each of hundreds of commits, it kept a server busy for many seconds."""
    reads = 0
    read = Weave.visible

    def counted(weave: Weave, commits: int, buried: int | None = None) -> list[int]:
        nonlocal reads
        reads += 1
        return read(weave, commits, buried)

    monkeypatch.setattr(Weave, "visible", counted)
    reach: list[int] = []
    cell = WovenThing(reach, START)
    chains = {"ann": (0, start(cell)), "ben": (0, start(cell))}
    for commit in range(100):
        who = "ann" if commit % 3 else "ben"
        known, shown = chains[who]
        text = shown["input"].text
        text = f"{text}{commit};" if who == "ann" else f"{commit};{text}"
        reach.append(known | 1 << commit)
        chains[who] = (reach[commit], cell.write(commit, known, shown, {"input": text}))

    assert reads == 2
    for known, shown in chains.values():
        assert cell.texts(known) == {"input": shown["input"].text}
        assert read(cell._weaves["input"], known) == shown["input"].names
    everything = (1 << 100) - 1
    ann, ben = (shown["input"].text for _, shown in chains.values())
    assert cell.texts(everything) == {"input": ben.removesuffix("abc") + ann}
