from pathlib import Path

from traitlets.config import Config

from cocalc_hub_ext.spawner.configure import configure


def test_projects_are_local_processes_that_outlive_the_hub(tmp_path: Path) -> None:
    c = Config()
    configure(c, projects_root=tmp_path / "data" / ".." / "projects")

    assert c.JupyterHub.spawner_class == "cocalc_hub_ext.spawner.local.ProjectSpawner"
    assert c.ProjectSpawner.projects_root == str(tmp_path / "projects")
    assert c.JupyterHub.cleanup_servers is False


def test_the_administrators_choice_wins(tmp_path: Path) -> None:
    c = Config()
    c.JupyterHub.spawner_class = "docker"
    c.JupyterHub.cleanup_servers = True
    configure(c, projects_root=tmp_path)

    assert c.JupyterHub.spawner_class == "docker"
    assert c.JupyterHub.cleanup_servers is True
