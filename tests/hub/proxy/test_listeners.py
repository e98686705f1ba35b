import socket

import pytest

from cocalc_hub_ext.proxy.errors import CannotListenError
from cocalc_hub_ext.proxy.listeners import bind_listeners, inherited_listener


def test_a_free_port_is_chosen_for_port_zero() -> None:
    (listener,) = bind_listeners("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()):
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["", "*"])
def test_no_host_is_every_address(host: str) -> None:
    (listener,) = bind_listeners(host, 0)
    with listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1])):
        assert listener.getsockname()[0] in {"::", "0.0.0.0"}


def test_a_taken_port_is_said_in_one_line_with_a_way_out() -> None:
    (taken,) = bind_listeners("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with taken, pytest.raises(CannotListenError) as caught:
        bind_listeners("127.0.0.1", port)

    assert str(caught.value) == (
        f"The proxy cannot listen on 127.0.0.1:{port}: the port is in use. Stop the program that "
        "uses it (another hub, perhaps), or choose another port."
    )


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotListenError, match="does not have that address"):
        bind_listeners("192.0.2.1", 0)


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CannotListenError, match=r"nowhere\.invalid"):
        bind_listeners("nowhere.invalid", 8000)


def test_a_socket_passed_by_number_is_the_same_socket() -> None:
    (original,) = bind_listeners("127.0.0.1", 0)
    address = original.getsockname()
    with inherited_listener(original.detach()) as listener, socket.create_connection(address):
        assert listener.getsockname() == address
        assert listener.getblocking() is False
