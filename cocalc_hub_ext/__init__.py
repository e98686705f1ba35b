"""CoCalc projects for JupyterHub.

Only the hook for configuration files lives here. It imports its target when called, so that
importing the package loads nothing of JupyterHub.
"""

from typing import Any

__all__ = ["setup"]


def setup(c: Any, **options: Any) -> None:
    """Configure JupyterHub for projects; see ``cocalc_hub_ext.config.setup`` for the options."""
    from .config import setup as configure_hub  # noqa: PLC0415 - the root stays light

    configure_hub(c, **options)
