"""conat-core §14.6, §14.7; SPEC Z12."""

from cocalc_jupyter_ext.conat.sockets.states import SocketSettings, SocketState


def test_the_states_have_the_names_of_the_original() -> None:
    assert [str(state) for state in SocketState] == [
        "disconnected",
        "connecting",
        "ready",
        "closed",
    ]


def test_the_times_are_those_of_the_original() -> None:
    """conat-core §19: socket constants (§14.6)."""
    times = SocketSettings()

    assert (times.max_queue, times.reconnection) == (1000, True)
    assert (times.keep_alive_s, times.keep_alive_timeout_s) == (45, 30)
    assert (times.command_timeout_s, times.reconnect_delay_s) == (10, 0.5)
    assert (times.dead_scan_s, times.dead_age_s) == (45, 2.5 * 45)
