"""When code is over (syncdoc-jupyter §4.2; D14)."""

from cocalc_jupyter_ext.kernels.standalone.progress import Grace, Progress, late_s

GRACE = Grace(quiet_s=2, longest_s=30)


def test_it_is_over_when_reply_and_idle_status_were_seen_in_either_order() -> None:
    for order in ("ri", "ir"):
        progress = Progress("r")
        for step in order:
            assert not progress.is_over
            if step == "r":
                progress.replied(1, "ok")
            else:
                progress.heard(1, is_idle=True)
        assert progress.is_over


def test_without_a_reply_there_is_nothing_to_wait_for() -> None:
    assert Progress("r").wait_s(100, GRACE) is None


def test_a_lost_idle_status_costs_the_quiet_time() -> None:
    progress = Progress("r")
    progress.replied(10, "ok")

    assert progress.wait_s(10.5, GRACE) == 1.5
    assert progress.wait_s(12, GRACE) == 0


def test_outputs_after_the_reply_put_the_end_off_but_not_for_ever() -> None:
    progress = Progress("r")
    progress.replied(10, "ok")
    progress.heard(11, is_idle=False)
    assert progress.wait_s(11, GRACE) == 2

    progress.heard(39.5, is_idle=False)
    assert progress.wait_s(39.5, GRACE) == 0.5
    assert progress.wait_s(41, GRACE) == 0


def test_a_reply_that_is_not_ok_is_a_failure() -> None:
    progress = Progress("r")
    progress.replied(1, "error")
    assert progress.failed
    progress.replied(1, "ok")
    assert not progress.failed


def test_only_kernels_that_are_known_for_it_may_be_late() -> None:
    assert late_s("python") == 0
    assert late_s("typescript") > 0
