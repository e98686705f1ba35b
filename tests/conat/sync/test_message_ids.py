"""Ids by which one's own messages are known again."""

from cocalc_jupyter_ext.conat.sync.message_ids import MessageIds


def test_ids_are_unique_and_one_knows_ones_own() -> None:
    mine, theirs = MessageIds(lambda: "aaaaaaaaaa"), MessageIds(lambda: "bbbbbbbbbb")
    ids = [mine.next() for _ in range(200)]

    assert len(set(ids)) == 200
    assert all(map(mine.is_own, ids))
    assert all(each.isalnum() for each in ids)
    assert not mine.is_own(theirs.next())
    assert not mine.is_own(None)
