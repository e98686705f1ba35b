"""Alerts and usage of a project (hub-project-api §4.13, ``ProjectStatus``)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.project.monitoring.status import ALERT_AFTER_S, StatusWatch, usage_of


def info(*, disk: float = 5000, rss: float = 10, pct: float = 0, tmp: float = 0) -> dict[str, Any]:
    process = {"stat": {"mem": {"rss": rss}}, "cpu": {"pct": pct, "secs": 7.0}}
    project = {"available": disk, "free": disk, "total": 9000, "usage": 9000 - disk}
    return {"processes": {"7": process}, "disk_usage": {"tmp": {"usage": tmp}, "project": project}}


def contained(*, limit: float = 1000, cores: float = 2, rate: float = 1) -> dict[str, Any]:
    memory = {"total_rss": 100, "hierarchical_memory_limit": limit}
    cpu = {"cpu_usage": 50.0, "cpu_usage_rate": rate, "cpu_cores_limit": cores}
    return {**info(), "cgroup": {"mem_stat": memory, **cpu}}


def test_usage_without_a_container_is_the_sum_of_the_processes() -> None:
    assert usage_of(info(rss=90, pct=120, tmp=10), 1000, 4) == {
        "disk_mb": 4000,
        "mem_pct": 10.0,
        "mem_tot": 1000,
        "mem_rss": 100,
        "cpu_pct": 30.0,
        "cpu_tot": 7,
    }


@pytest.mark.parametrize(("cores", "percent"), [(2, 50.0), (-1, 25.0)])
def test_usage_in_a_container_is_of_its_limits(cores: float, percent: float) -> None:
    usage = usage_of(contained(cores=cores), 8000, 4)

    assert usage["mem_pct"] == 10.0
    assert usage["mem_tot"] == 1000
    assert usage["cpu_pct"] == percent
    assert usage["cpu_tot"] == 50


@pytest.mark.parametrize(
    ("wrong", "alert"),
    [
        (info(disk=99), {"type": "disk"}),
        (info(rss=950), {"type": "memory"}),
        (info(pct=91), {"type": "cpu-process", "pids": [7]}),
        (contained(rate=1.9), {"type": "cpu-cgroup"}),
    ],
)
def test_what_is_wrong_is_told_after_a_minute(wrong: dict[str, Any], alert: Any) -> None:
    watch = StatusWatch(5, machine_mib=1000, cores=4)

    assert watch.status(wrong, 0)["alerts"] == []
    assert watch.status(wrong, ALERT_AFTER_S - 1)["alerts"] == []
    assert watch.status(wrong, ALERT_AFTER_S)["alerts"] == [alert]
    assert watch.status(info(), ALERT_AFTER_S + 1)["alerts"] == []
    assert watch.status(wrong, ALERT_AFTER_S + 2)["alerts"] == []


def test_after_a_pause_the_minute_begins_anew() -> None:
    watch = StatusWatch(5, machine_mib=1000, cores=4)
    watch.status(info(disk=1), 0)
    watch.forget()

    assert watch.status(info(disk=1), 500)["alerts"] == []


def test_a_status_has_the_version_of_the_project() -> None:
    status = StatusWatch(5, 1000, 4).status(info(), 0)

    assert set(status) == {"version", "alerts", "usage"}
    assert status["version"] == 5
