"""The other server extensions that ours needs or replaces.

``jupyter_server_fileid`` gives files their stable ids and must run. ``jupyter_server_ydoc`` is the
stock collaboration server: it serves the same addresses, so it is switched off where it
was enabled. Both are done while extensions are linked, before any of them starts.
"""

import logging
from typing import Any, Protocol

__all__ = ["FILE_IDS", "STOCK_COLLABORATION", "Extensions", "arrange"]

FILE_IDS = "jupyter_server_fileid"
STOCK_COLLABORATION = "jupyter_server_ydoc"


class Extensions(Protocol):
    """What is used of Jupyter Server's extension manager."""

    extensions: dict[str, Any]

    def add_extension(self, extension_name: str, enabled: bool = False) -> bool:
        """Add an extension package."""
        ...

    def link_extension(self, name: str) -> None:
        """Link an extension package to the server."""
        ...


def arrange(manager: Extensions, log: logging.Logger) -> None:
    """Switch the stock collaboration server off and the file ids on."""
    stock = manager.extensions.get(STOCK_COLLABORATION)
    if stock is not None and stock.enabled:
        stock.enabled = False
        log.warning(
            "%s is installed and enabled, but cocalc_jupyter_ext serves live documents here. It "
            "was switched off for this server; run `jupyter server extension disable %s` to "
            "silence this.",
            STOCK_COLLABORATION,
            STOCK_COLLABORATION,
        )
    file_ids = manager.extensions.get(FILE_IDS)
    if file_ids is None or not file_ids.enabled:
        manager.add_extension(FILE_IDS, enabled=True)
        manager.link_extension(FILE_IDS)
