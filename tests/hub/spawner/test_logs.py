import os
from pathlib import Path

import pytest

from cocalc_hub_ext.spawner.logs import MAX_KEPT_BYTES, log_path, open_log, read_tail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return log_path(tmp_path)


def write(path: Path, text: bytes) -> None:
    with open_log(path) as log:
        log.write(text)


def test_the_log_is_in_the_home_and_for_its_owner_alone(tmp_path: Path, path: Path) -> None:
    write(path, b"hello\n")

    assert path == tmp_path / ".local/share/cocalc/server.log"
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_run_begins_an_empty_log_and_keeps_the_one_before(path: Path) -> None:
    for run in (b"first\n", b"second\n", b"third\n"):
        write(path, run)

    assert path.read_bytes() == b"third\n"
    assert path.with_name("server.log.1").read_bytes() == b"second\n"
    assert sorted(each.name for each in path.parent.iterdir()) == ["server.log", "server.log.1"]


def test_only_the_end_of_a_huge_log_is_kept(path: Path) -> None:
    write(path, b"x" * (3 * MAX_KEPT_BYTES) + b"the end")
    write(path, b"")

    kept = path.with_name("server.log.1").read_bytes()
    assert len(kept) == MAX_KEPT_BYTES
    assert kept.endswith(b"the end")


def test_the_tail_is_the_last_lines(path: Path) -> None:
    write(path, "".join(f"line {n} é\n" for n in range(1000)).encode() + b"\xff\n")

    assert read_tail(path, 3) == ["line 998 é", "line 999 é", "\ufffd"]


def test_no_log_has_no_tail(path: Path) -> None:
    assert read_tail(path, 3) == []


@pytest.mark.parametrize("name", ["server.log", "server.log.1"])
def test_a_link_in_the_logs_place_is_replaced_and_never_followed(
    tmp_path: Path, path: Path, name: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    path.parent.mkdir(parents=True)
    path.write_text("earlier")
    path.with_name(name).unlink(missing_ok=True)
    path.with_name(name).symlink_to(precious)

    write(path, b"new\n")

    assert precious.read_text() == "keep me"
    assert path.read_bytes() == b"new\n"
    assert read_tail(path, 1) == ["new"]


def test_a_pipe_in_the_logs_place_blocks_nobody(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path)

    assert read_tail(path, 1) == []
    write(path, b"new\n")
    assert path.read_bytes() == b"new\n"
