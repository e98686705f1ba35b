"""When and where a snapshot is due (syncdoc-jupyter §1.11)."""

from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.documents.syncdoc.snapshots import MAX_ATTEMPTS, MAX_SIZE, snapshot_due


def chain(count: int, *, start: int = 1, size: int = 0) -> list[Patch]:
    return [
        Patch(time=t, changes=[], user_id=0, parents=(t - 1,) if t > 1 else (), size=size)
        for t in range(start, start + count)
    ]


def test_no_snapshot_is_due_in_an_empty_or_short_history() -> None:
    assert snapshot_due([], newest_snapshot=None) == (None, set())
    assert snapshot_due(chain(599), newest_snapshot=None) == (None, set())


def test_after_twice_the_interval_one_is_due_an_interval_after_the_last() -> None:
    assert snapshot_due(chain(600), newest_snapshot=None) == (300, set())
    assert snapshot_due(chain(900), newest_snapshot=300) == (600, set())
    assert snapshot_due(chain(899), newest_snapshot=300) == (None, set())
    assert snapshot_due(chain(20), newest_snapshot=None, interval=10) == (10, set())


def test_large_patches_make_one_due_earlier() -> None:
    patches = chain(40, size=int(MAX_SIZE / 10))

    assert snapshot_due(patches, newest_snapshot=None) == (11, set())


def test_one_of_the_last_patches_is_never_used() -> None:
    assert snapshot_due(chain(4, size=int(MAX_SIZE)), newest_snapshot=None) == (None, set())


def test_a_place_that_is_no_cut_is_left_for_the_next_and_not_tried_again() -> None:
    patches = chain(20)
    patches[12] = Patch(time=13, changes=[], user_id=1, parents=(8, 12))

    time, failed = snapshot_due(patches, newest_snapshot=None, interval=10)

    assert time == 14
    assert failed == {10, 11, 12, 13}
    assert snapshot_due(patches, newest_snapshot=None, interval=10, unfit=failed) == (14, set())


def test_attempts_are_bounded() -> None:
    patches = [Patch(time=t, changes=[], user_id=0, parents=(0, -t)) for t in range(1, 101)]

    time, failed = snapshot_due(patches, newest_snapshot=None, interval=50)

    assert time is None
    assert len(failed) == MAX_ATTEMPTS
