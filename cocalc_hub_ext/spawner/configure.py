"""Sets up the spawner of the single-user mode in a hub's configuration."""

from pathlib import Path

from traitlets.config import Config

__all__ = ["configure"]


def configure(c: Config, *, projects_root: Path) -> None:
    """Let projects be local processes with their homes below ``projects_root``.

    Their servers run on while the hub restarts. An administrator's own choice of spawner or of
    ``cleanup_servers`` is left alone.
    """
    c.ProjectSpawner.projects_root = str(projects_root.resolve())
    if "spawner_class" not in c.JupyterHub:
        c.JupyterHub.spawner_class = "cocalc_hub_ext.spawner.local.ProjectSpawner"
    if "cleanup_servers" not in c.JupyterHub:
        c.JupyterHub.cleanup_servers = False
