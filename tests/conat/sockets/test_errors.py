"""conat-core §14.5, §14.7; SPEC Z6, Z11. The codes are those that CoCalc's programs look at."""

from cocalc_jupyter_ext.conat.sockets.errors import SocketClosed, SocketFull


def test_a_full_socket_says_what_to_do_and_has_the_code_of_the_original() -> None:
    error = SocketFull(3)

    assert error.code == "ENOBUFS"
    assert str(error) == "WRITE FAILED: 3 messages are unacknowledged; wait, then write again"


def test_a_closed_socket_says_why_and_has_the_code_of_the_original() -> None:
    assert SocketClosed().code == "EPIPE"
    assert str(SocketClosed()) == "the socket is closed"
    assert str(SocketClosed("closed by the server")) == "the socket is closed: closed by the server"
