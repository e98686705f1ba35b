"""CoCalc's collaborative computing as a Jupyter Server extension.

Only discovery hooks live here. They import their targets when called, so that
importing ``cocalc_jupyter_ext.conat`` loads nothing of Jupyter.
"""

from typing import Any

from ._version import __version__

__all__ = ["__version__"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "cocalc-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .server.app import CoCalcExtension  # noqa: PLC0415 - the root stays light

    return [{"module": "cocalc_jupyter_ext", "app": CoCalcExtension}]
