"""Undo and redo of one author's own commits (syncdoc-jupyter §1.10)."""

from cocalc_jupyter_ext.documents.syncdoc.undo import UndoState


def test_undo_takes_the_own_commits_away_from_the_newest_on_and_redo_gives_them_back() -> None:
    state: UndoState[str] = UndoState([1, 5, 9])

    state.undo()
    assert state.without == [9]
    state.undo()
    state.undo()
    state.undo()
    assert state.without == [1, 5, 9]
    state.redo()
    assert state.without == [5, 9]


def test_uncommitted_changes_are_the_first_step_and_come_back_at_the_last() -> None:
    state = UndoState([1], "typed")

    state.undo()
    assert state.without == []
    assert state.redone is None
    state.undo()
    assert state.without == [1]
    state.redo()
    state.redo()
    state.redo()
    assert state.without == []
    assert state.redone == "typed"


def test_the_commits_that_undoing_makes_never_count_as_content() -> None:
    state: UndoState[str] = UndoState([1, 2])
    state.undo()
    state.committed(7)
    state.undo()
    state.committed(8)

    assert state.without == [8, 7, 1, 2]
    state.redo()
    assert state.without == [8, 7, 2]


def test_who_has_no_commits_has_nothing_to_undo() -> None:
    state: UndoState[str] = UndoState([])

    state.undo()
    assert state.without == []
    state.redo()
    assert state.without == []
