"""A real server per test module, for tests that leave it running."""

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
