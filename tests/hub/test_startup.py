"""A hub starts only on data that is its own and on a port that is free."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cocalc_hub_ext.startup import StartupError, check_port, claim_data_dir, kept_ports

from ..support.users import unprivileged

CLAIM = """
import pathlib, sys
from cocalc_hub_ext.startup import claim_data_dir
claim_data_dir(pathlib.Path(sys.argv[1]))
"""


def claim_in_another_process(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CLAIM, str(path)], capture_output=True, text=True, check=False
    )


def test_a_new_data_directory_is_closed_to_others(tmp_path: Path) -> None:
    claim_data_dir(tmp_path / "a" / "data")

    assert (tmp_path / "a" / "data").stat().st_mode & 0o777 == 0o700


def test_an_empty_directory_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)

    claim_data_dir(tmp_path / "data")

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_directory_with_other_things_that_others_can_read_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "something").touch()

    with pytest.raises(StartupError, match="chmod 700"):
        claim_data_dir(shared)
    assert shared.stat().st_mode & 0o777 == 0o755


def test_another_process_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    claim_data_dir(tmp_path)

    answer = claim_in_another_process(tmp_path)

    assert answer.returncode != 0
    assert f"another hub (process {os.getpid()})" in answer.stderr


def test_a_lock_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    assert claim_in_another_process(tmp_path).returncode == 0
    assert claim_in_another_process(tmp_path).returncode == 0


def test_the_same_process_may_claim_twice(tmp_path: Path) -> None:
    claim_data_dir(tmp_path)
    claim_data_dir(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with unprivileged(), pytest.raises(StartupError, match=r"cannot be used .* COCALC_DATA="):
        claim_data_dir(Path("/proc/self/data"))


def test_a_free_port_passes() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    check_port("127.0.0.1", port)


def test_a_port_in_use_is_refused_on_its_address_and_on_all() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        for host in ("127.0.0.1", ""):
            with pytest.raises(StartupError, match=f"port {port} is in use"):
                check_port(host, port)


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(StartupError, match="cannot be listened on"):
        check_port("192.0.2.1", 8000)


def test_ports_stay_the_same_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    ports = kept_ports(path, ("hub", "service"))

    assert len(set(ports.values())) == 2
    assert kept_ports(path, ("hub", "service")) == ports


def test_a_kept_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    ports = kept_ports(path, ("hub", "service"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports["hub"]))
        taken.listen()
        again = kept_ports(path, ("hub", "service"))

    assert again["hub"] != ports["hub"]
    assert again["service"] == ports["service"]


@pytest.mark.parametrize("content", ["{", "[]", '{"hub": "x"}', '{"hub": null}'])
def test_a_damaged_list_of_ports_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ports.json"
    path.write_text(content)

    with pytest.raises(StartupError, match=r"ports\.json is damaged"):
        kept_ports(path, ("hub",))
