"""Chooses the proxy for a hub's configuration."""

import shutil

from traitlets.config import Config

__all__ = ["configure"]


def configure(c: Config) -> None:
    """Use configurable-http-proxy when its command is installed, else the proxy of this package.

    An administrator's own ``c.JupyterHub.proxy_class``, set before or after, is left alone.
    """
    if "proxy_class" in c.JupyterHub or shutil.which("configurable-http-proxy"):
        return
    c.JupyterHub.proxy_class = "cocalc_hub_ext.proxy.proxy.CoCalcProxy"
