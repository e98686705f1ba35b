import pytest

from cocalc_jupyter_ext.conat.persist.database import recent_ids
from cocalc_jupyter_ext.conat.persist.database.recent_ids import RECENT_MS, RecentIds
from cocalc_jupyter_ext.conat.persist.messages import Receipt


def receipt(seq: int) -> Receipt:
    return Receipt(seq, 0)


def test_ids_are_known_for_two_minutes() -> None:
    """conat-sync §8.3: msgID is known for 2 minutes."""
    ids = RecentIds()
    ids.remember("a", receipt(1), 1000)

    assert ids.find("a", 1000 + RECENT_MS - 1) == receipt(1)
    assert ids.find("a", 1000 + RECENT_MS) is None
    assert ids.find("b", 1000) is None


def test_old_ids_leave_no_trace() -> None:
    ids = RecentIds()
    for number in range(100):
        ids.remember(str(number), receipt(number), 0)
    ids.remember("new", receipt(100), RECENT_MS)

    assert len(ids) == 1


def test_an_id_that_is_remembered_again_lives_longer() -> None:
    ids = RecentIds()
    ids.remember("a", receipt(1), 0)
    ids.remember("b", receipt(2), 1)
    ids.remember("a", receipt(3), RECENT_MS - 1)

    assert ids.find("a", RECENT_MS + 100) == receipt(3)


def test_the_oldest_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_ids, "MAX_RECENT_IDS", 3)
    ids = RecentIds()
    for number in range(5):
        ids.remember(str(number), receipt(number), number)

    assert len(ids) == 3
    assert [ids.find(str(number), 5) is not None for number in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("message_id", ["", "x" * 10**6, "\ud800", "\0"])
def test_any_text_is_an_id(message_id: str) -> None:
    ids = RecentIds()
    ids.remember(message_id, receipt(1), 0)

    assert ids.find(message_id, 0) == receipt(1)
