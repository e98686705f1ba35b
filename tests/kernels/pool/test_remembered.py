"""The kind of kernel that was used last (syncdoc-jupyter §5)."""

import logging
from pathlib import Path

import pytest

from cocalc_jupyter_ext.kernels.pool.keys import PoolKey
from cocalc_jupyter_ext.kernels.pool.remembered import RememberedKey

KEY = PoolKey("python3", (("SECRET", "x"),))


def test_what_was_written_is_read_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    RememberedKey(path).write(PoolKey("old"))
    RememberedKey(path).write(KEY)

    assert RememberedKey(path).read() == KEY
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    RememberedKey(tmp_path / "file").write(KEY)

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_the_same_key_is_written_once(tmp_path: Path) -> None:
    remembered = RememberedKey(tmp_path / "file")
    remembered.write(KEY)
    (tmp_path / "file").unlink()
    remembered.write(KEY)

    assert not (tmp_path / "file").exists()


def test_nothing_is_remembered_without_a_file(tmp_path: Path) -> None:
    assert RememberedKey(tmp_path / "missing").read() is None
    RememberedKey(None).write(KEY)
    assert RememberedKey(None).read() is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", b"x" * 2_000_000])
def test_a_broken_file_is_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    assert RememberedKey(tmp_path / "file").read() is None


def test_a_folder_that_cannot_be_written_is_said_and_not_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        RememberedKey(tmp_path / "file" / "x").write(KEY)
        assert RememberedKey(tmp_path / "file" / "x").read() is None

    assert "After a restart no kernel will be started in advance" in caplog.text
