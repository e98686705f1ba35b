"""Real servers that tests share: one process for a module, which leaves it running."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.servers import JupyterServer

CONFIG = """
c = get_config()  # noqa
c.CoCalcExtension.autosave_quiet_s = 0.2
c.CoCalcExtension.autosave_longest_s = 1.0
c.CoCalcExtension.file_poll_s = 0.1
c.CoCalcExtension.document_close_delay_s = 0.1
c.CoCalcExtension.room_keep_alive_s = 0.3
"""

USERS_CONFIG = (
    CONFIG
    + """
c.CoCalcExtension.room_max_unsent_bytes = 200_000
from jupyter_server.auth import Authorizer, IdentityProvider, User

class Tokens(IdentityProvider):
    def get_user(self, handler):
        name = self.get_token(handler)
        if name not in ("ann", "ben", "reader", "outsider", "service", "test-token"):
            return None
        user = User(username=name)
        if name == "service":
            user.hub_user = {"kind": "service", "name": "cocalc"}
        return user

    def is_token_authenticated(self, handler):
        return True

    def should_check_origin(self, handler):
        return False

class ReadOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        if user.username == "outsider":
            return False
        return not (user.username == "reader" and action in ("write", "execute"))

c.ServerApp.identity_provider_class = Tokens
c.ServerApp.authorizer_class = ReadOnly
"""
)

SLOW_CONFIG = """
c = get_config()  # noqa
c.CoCalcExtension.autosave_quiet_s = 1000
c.CoCalcExtension.autosave_longest_s = 1000
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server with short times; tests use file names of their own."""
    with JupyterServer(tmp_path_factory.mktemp("server"), CONFIG) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[JupyterServer]:
    """Make a server that the test starts, kills and starts again as it likes."""
    server = JupyterServer(tmp_path, CONFIG)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def users_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server with several users, told apart by their tokens."""
    with JupyterServer(tmp_path_factory.mktemp("users"), USERS_CONFIG) as server:
        yield server
