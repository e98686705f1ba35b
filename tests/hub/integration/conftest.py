"""One hub for the tests that leave it as they found it."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.hub import Hub, LoggedIn, run_hub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with run_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def login(hub: Hub) -> Iterator[Callable[[str], LoggedIn]]:
    clients: list[LoggedIn] = []

    def log_in(name: str) -> LoggedIn:
        clients.append(hub.login(name))
        return clients[-1]

    yield log_in
    for client in clients:
        client.close()
