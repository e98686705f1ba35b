"""Uses and limits of a container, in both versions of the interface (hub-project-api §4.13)."""

from pathlib import Path

from cocalc_jupyter_ext.project.monitoring.container import look_at_container

MACHINE = 8_000 * 2**20


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_values_of_the_second_version_get_the_names_of_the_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        memory_DOT_max="2097152000\n",
        memory_DOT_stat="anon 104857600\nfile 52428800\nfile_mapped 1048576\nslab 5\n",
        memory_DOT_events="low 0\noom 2\noom_kill 3\n",
        cpu_DOT_max="150000 100000\n",
        cpu_DOT_stat="usage_usec 2500000\nuser_usec 2\n",
    )
    container = look_at_container(MACHINE, tmp_path)

    assert container is not None
    assert container.to_wire(0.5) == {
        "mem_stat": {
            "total_rss": 100.0,
            "total_cache": 50.0,
            "total_mapped_file": 1.0,
            "hierarchical_memory_limit": 2000.0,
        },
        "cpu_usage": 2.5,
        "cpu_usage_rate": 0.5,
        "oom_kills": 3,
        "cpu_cores_limit": 1.5,
    }


def test_without_limits_memory_is_the_machines_and_cores_are_minus_one(tmp_path: Path) -> None:
    write(
        tmp_path,
        memory_DOT_max="max\n",
        memory_DOT_stat="anon 1048576\n",
        memory_DOT_events="",
        cpu_DOT_max="max 100000\n",
        cpu_DOT_stat="usage_usec 0\n",
    )
    container = look_at_container(MACHINE, tmp_path)

    assert container is not None
    assert container.limit_mib == 8000
    assert container.cores == -1


def test_the_first_version_is_read_too(tmp_path: Path) -> None:
    memory = "cache 1\nhierarchical_memory_limit 9223372036854771712\ntotal_rss 2097152\n"
    write(
        tmp_path,
        memory__memory_DOT_stat=memory,
        memory__memory_DOT_oom_control="oom_kill_disable 0\noom_kill 1\n",
        cpu__cpu_DOT_cfs_quota_us="200000\n",
        cpu__cpu_DOT_cfs_period_us="100000\n",
        cpuacct__cpuacct_DOT_usage="1500000000\n",
    )
    container = look_at_container(MACHINE, tmp_path)

    assert container is not None
    assert container.memory["total_rss"] == 2
    assert container.limit_mib == 8000
    assert (container.cpu_s, container.oom_kills, container.cores) == (1.5, 1, 2.0)


def test_where_there_is_no_container_there_is_nothing(tmp_path: Path) -> None:
    assert look_at_container(MACHINE, tmp_path) is None
    write(tmp_path, memory_DOT_max="max", memory_DOT_stat="anon 1")
    assert look_at_container(MACHINE, tmp_path) is None
