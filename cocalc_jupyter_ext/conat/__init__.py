"""The message fabric: CoCalc's conat in Python, on the wire compatible to the byte.

It knows nothing of Jupyter and can be used alone::

    from cocalc_jupyter_ext import conat

    client = await conat.connect("https://example.com", cookies={"api_key": key})

``SPEC.md`` beside this file holds the numbered rules; read it first, then
``protocol/subjects.py``, ``protocol/messages.py``, ``broker/router.py`` and
``client/client.py``.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .sync.open_files import open_open_files
    from .sync.opening import (
        open_akv,
        open_astream,
        open_core_stream,
        open_dko,
        open_dkv,
        open_dstream,
        open_inventory,
    )
    from .sync.pubsub import open_pubsub
    from .sync.synctable import open_synctable
    from .transports.connect import connect

__all__ = [
    "connect",
    "open_akv",
    "open_astream",
    "open_core_stream",
    "open_dko",
    "open_dkv",
    "open_dstream",
    "open_inventory",
    "open_open_files",
    "open_pubsub",
    "open_synctable",
]

# What is loaded when it is first asked for: the name, and the module that has it.
_LAZY: Final = {
    "connect": ".transports.connect",
    "open_akv": ".sync.opening",
    "open_astream": ".sync.opening",
    "open_core_stream": ".sync.opening",
    "open_dko": ".sync.opening",
    "open_dkv": ".sync.opening",
    "open_dstream": ".sync.opening",
    "open_inventory": ".sync.opening",
    "open_open_files": ".sync.open_files",
    "open_pubsub": ".sync.pubsub",
    "open_synctable": ".sync.synctable",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name], __name__), name)
