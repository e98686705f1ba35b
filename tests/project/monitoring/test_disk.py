"""How full the disks of a project are (hub-project-api §4.13)."""

from pathlib import Path

from cocalc_jupyter_ext.project.monitoring.disk import disk_usage


def test_the_disk_of_the_project_is_told_in_mib(tmp_path: Path) -> None:
    usage = disk_usage(tmp_path)

    assert set(usage) == {"tmp", "project"}
    project = usage["project"]
    assert set(project) == {"available", "free", "total", "usage"}
    assert 0 < project["available"] <= project["free"] < project["total"] < 10**9
    assert project["usage"] == round(project["total"] - project["free"], 3)


def test_a_folder_that_is_gone_has_zeros(tmp_path: Path) -> None:
    assert set(disk_usage(tmp_path / "gone")["project"].values()) == {0.0}
