from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.errors import TooManyQueuedError
from cocalc_jupyter_ext.kernels.events import (
    Abort,
    AbortCell,
    AwaitIdle,
    Cancelled,
    ConnectKernel,
    Enqueue,
    FinishCell,
    GraceOver,
    Idle,
    Interrupted,
    InterruptKernel,
    KernelLost,
    KernelReady,
    Loss,
    Queued,
    Replied,
    Reply,
    StartCell,
    StartRefused,
)
from cocalc_jupyter_ext.kernels.execution import ExecutionState, apply

OK = Reply("ok", 1)
ERROR = Reply("error", 1, error_name="ValueError")
INTERRUPT = Reply("error", 1, error_name="KeyboardInterrupt")


def after(*events, max_queued=10):
    state = ExecutionState(max_queued)
    for event in events:
        apply(state, event)
    return state


def run(*cell_ids, run_id="r", stop_on_error=True):
    return Enqueue(
        run_id, tuple((cell_id, f"code of {cell_id}") for cell_id in cell_ids), stop_on_error
    )


def kinds(effects):
    return [type(effect) for effect in effects]


def aborted(effects):
    return [(e.cell.cell_id, e.reason, e.started) for e in effects if isinstance(e, AbortCell)]


def test_the_first_run_connects_the_kernel_and_starts_nothing_yet():
    assert kinds(apply(after(), run("a", "b"))) == [Queued, Queued, ConnectKernel]


def test_a_ready_kernel_starts_the_first_cell_only():
    effects = apply(after(run("a", "b")), KernelReady())
    assert kinds(effects) == [StartCell]
    assert effects[0].cell.cell_id == "a"
    assert effects[0].cell.source == "code of a"


def test_a_second_request_waits_while_the_kernel_is_connected():
    assert kinds(apply(after(run("a")), run("b"))) == [Queued]


def test_a_cell_ends_on_reply_and_idle_in_this_order():
    state = after(run("a"), KernelReady())
    assert kinds(apply(state, Replied(1, OK))) == [AwaitIdle]
    assert kinds(apply(state, Idle(1))) == [FinishCell]
    assert not state.busy


def test_a_cell_ends_on_idle_and_reply_in_this_order():
    state = after(run("a"), KernelReady())
    assert apply(state, Idle(1)) == []
    assert kinds(apply(state, Replied(1, OK))) == [FinishCell]


def test_a_lost_idle_status_ends_the_cell_after_the_grace_period():
    state = after(run("a", "b"), KernelReady(), Replied(1, OK))
    assert kinds(apply(state, GraceOver(1))) == [FinishCell, StartCell]


def test_the_end_of_the_grace_period_alone_ends_nothing():
    state = after(run("a"), KernelReady())
    assert apply(state, GraceOver(1)) == []
    assert state.busy


def test_reports_about_another_cell_have_no_effect():
    state = after(run("a"), KernelReady())
    for event in (Replied(7, OK), Idle(7), GraceOver(7), StartRefused(7)):
        assert apply(state, event) == []


def test_a_second_reply_has_no_effect():
    state = after(run("a"), KernelReady(), Replied(1, OK))
    assert apply(state, Replied(1, ERROR)) == []
    assert apply(state, Idle(1))[0].reply == OK


def test_an_error_stops_the_rest_of_its_run_and_nothing_else():
    state = after(run("a", "b"), KernelReady(), run("c", run_id="other"), Replied(1, ERROR))
    effects = apply(state, Idle(1))
    assert aborted(effects) == [("b", Abort.ERROR, False)]
    assert kinds(effects) == [FinishCell, AbortCell, StartCell]
    assert effects[-1].cell.cell_id == "c"


def test_an_error_stops_nothing_if_the_run_says_so():
    state = after(run("a", "b", stop_on_error=False), KernelReady(), Replied(1, ERROR))
    assert kinds(apply(state, Idle(1))) == [FinishCell, StartCell]


def test_an_interrupted_cell_stops_everything_queued():
    state = after(run("a", stop_on_error=False), KernelReady(), run("b", run_id="other"))
    apply(state, Replied(1, INTERRUPT))
    assert aborted(apply(state, Idle(1))) == [("b", Abort.INTERRUPTED, False)]


def test_an_interrupt_clears_the_queue_and_leaves_the_running_cell_to_the_kernel():
    state = after(run("a", "b"), KernelReady())
    assert aborted(apply(state, Interrupted())) == [("b", Abort.INTERRUPTED, False)]
    assert state.busy


def test_a_cell_that_the_kernel_refused_is_aborted_with_the_rest_of_its_run():
    state = after(run("a", "b"), KernelReady(), Replied(1, Reply("aborted")))
    assert aborted(apply(state, Idle(1))) == [("a", Abort.REFUSED, True), ("b", Abort.ERROR, False)]


@pytest.mark.parametrize("loss", list(Loss))
def test_a_lost_kernel_ends_the_running_and_every_queued_cell(loss):
    state = after(run("a", "b"), KernelReady(), run("c", run_id="other"))
    effects = apply(state, KernelLost(loss))
    assert aborted(effects) == [("a", loss, True), ("b", loss, False), ("c", loss, False)]
    assert not state.busy


def test_a_kernel_lost_before_it_was_ready_ends_the_queued_cells():
    assert aborted(apply(after(run("a")), KernelLost(Loss.DIED))) == [("a", Loss.DIED, False)]


def test_the_run_after_a_lost_kernel_connects_again():
    state = after(run("a"), KernelReady(), KernelLost(Loss.DIED))
    assert kinds(apply(state, run("b"))) == [Queued, ConnectKernel]
    assert kinds(apply(state, KernelReady())) == [StartCell]


def test_a_late_reply_of_a_lost_kernel_has_no_effect():
    state = after(run("a"), KernelReady(), KernelLost(Loss.DIED), run("b"), KernelReady())
    assert apply(state, Replied(1, OK)) == []


def test_a_cell_that_is_gone_at_its_start_does_not_stop_the_others():
    state = after(run("a", "b"), KernelReady())
    effects = apply(state, StartRefused(1))
    assert aborted(effects) == [("a", Abort.DELETED, False)]
    assert kinds(effects) == [AbortCell, StartCell]


def test_a_request_that_does_not_fit_is_refused_as_a_whole():
    state = after(run("a"), KernelReady(), run("b", "c"), max_queued=3)
    before = replace(state)
    with pytest.raises(TooManyQueuedError, match="More than 3 cells"):
        apply(state, run("d", "e"))
    assert state == before


EVENTS = st.one_of(
    st.builds(
        lambda ids, run_id, stop: run(*ids, run_id=run_id, stop_on_error=stop),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
        st.sampled_from(["r1", "r2"]),
        st.booleans(),
    ),
    st.just(KernelReady()),
    st.builds(
        Replied, st.integers(1, 8), st.sampled_from([OK, ERROR, INTERRUPT, Reply("aborted")])
    ),
    st.builds(Idle, st.integers(1, 8)),
    st.builds(GraceOver, st.integers(1, 8)),
    st.builds(StartRefused, st.integers(1, 8)),
    st.just(Interrupted()),
    st.builds(Cancelled, st.sampled_from("abc")),
    st.builds(KernelLost, st.sampled_from(list(Loss))),
)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_every_queued_cell_ends_exactly_once_whatever_happens(events):
    state = ExecutionState(max_queued=20)
    queued, ended = [], []
    for event in [*events, KernelLost(Loss.SHUT_DOWN)]:
        try:
            effects = apply(state, event)
        except TooManyQueuedError:
            continue
        queued += [e.cell.serial for e in effects if isinstance(e, Queued)]
        ended += [e.cell.serial for e in effects if isinstance(e, FinishCell | AbortCell)]
        assert len(state.queue) <= 20
    assert sorted(ended) == queued
    assert not state.busy


def test_a_cancelled_cell_leaves_the_queue_and_the_others_go_on():
    """syncdoc-jupyter §4.5."""
    state = after(run("a", "b", "c"), KernelReady())
    assert aborted(apply(state, Cancelled("b"))) == [("b", Abort.CANCELLED, False)]
    assert state.active == {"a", "c"}


def test_cancelling_the_cell_that_runs_interrupts_the_kernel():
    """syncdoc-jupyter §4.5."""
    state = after(run("a", "b"), KernelReady())
    assert apply(state, Cancelled("a")) == [InterruptKernel()]
    assert state.active == {"a", "b"}


def test_cancelling_what_neither_runs_nor_waits_does_nothing():
    state = after(run("a"), KernelReady())
    assert apply(state, Cancelled("b")) == []


def test_an_error_stops_the_cells_of_its_group_whoever_asked_for_them():
    """syncdoc-jupyter §4.2: an error empties the queue of CoCalc clients."""
    first = replace(run("a", run_id="one"), group="g")
    second = replace(run("b", run_id="two"), group="g")
    state = after(first, second, run("c", run_id="three"), KernelReady(), Idle(1))
    assert aborted(apply(state, Replied(1, ERROR))) == [("b", Abort.ERROR, False)]
    assert state.active == {"c"}


def test_how_the_kernel_was_lost_is_told_of_every_cell():
    state = after(run("a", "b"), KernelReady())
    effects = apply(state, KernelLost(Loss.DIED, "signal 9"))
    assert [effect.detail for effect in effects] == ["signal 9", "signal 9"]
