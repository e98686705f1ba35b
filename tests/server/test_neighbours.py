import logging

import pytest
from jupyter_server.extension.manager import ExtensionManager, ExtensionPackage
from jupyter_server.serverapp import ServerApp

from cocalc_jupyter_ext.server.neighbours import FILE_IDS, STOCK_COLLABORATION, arrange

LOG = logging.getLogger("test")


def manager_with(**extensions: bool) -> ExtensionManager:
    manager = ExtensionManager(serverapp=ServerApp())
    for name, enabled in extensions.items():
        package = ExtensionPackage(name=name, enabled=False)
        package.enabled = enabled
        manager.extensions[name] = package
    return manager


def test_the_stock_server_is_switched_off_with_a_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = manager_with(jupyter_server_ydoc=True, jupyter_server_fileid=True)

    arrange(manager, LOG)

    assert not manager.extensions[STOCK_COLLABORATION].enabled
    assert "jupyter server extension disable jupyter_server_ydoc" in caplog.text


def test_nothing_is_said_when_there_is_nothing_to_do(caplog: pytest.LogCaptureFixture) -> None:
    manager = manager_with(jupyter_server_ydoc=False, jupyter_server_fileid=True)

    arrange(manager, LOG)

    assert caplog.text == ""


@pytest.mark.parametrize("known", [{}, {"jupyter_server_fileid": False}])
def test_file_ids_are_switched_on(known: dict[str, bool]) -> None:
    manager = manager_with(**known)

    arrange(manager, LOG)

    assert manager.extensions[FILE_IDS].enabled
    assert manager.linked_extensions[FILE_IDS]
