from cocalc_jupyter_ext.documents.autosave import AutosaveClock, AutosaveTimes

CLOCK = AutosaveClock(AutosaveTimes(quiet_s=1, longest_s=10, retry_s=5))


def test_nothing_is_due_without_an_edit() -> None:
    assert CLOCK.due() is None
    assert not CLOCK.unsaved


def test_the_file_is_written_after_the_quiet() -> None:
    assert CLOCK.edited(100).due() == 101
    assert CLOCK.edited(100).edited(100.5).due() == 101.5


def test_typing_without_pause_does_not_put_it_off_for_ever() -> None:
    clock = CLOCK
    for tenth in range(200):
        clock = clock.edited(100 + tenth / 10)

    assert clock.due() == 110


def test_a_failure_is_tried_again_later_and_keeps_the_edits() -> None:
    clock = CLOCK.edited(100).failed(101)

    assert clock.unsaved
    assert clock.due() == 106


def test_saving_settles_it() -> None:
    assert CLOCK.edited(100).saved() == CLOCK
