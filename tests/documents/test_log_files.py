import os
from pathlib import Path

from cocalc_jupyter_ext.documents.log_files import LogFile, expired_logs, remove_expired_logs

from ..support.documents import TEXT_ID, open_world

DAY_S = 86_400


def expired(*logs: LogFile) -> list[str]:
    return expired_logs(logs, is_known={"known"}.__contains__, now=100 * DAY_S, keep_s=30 * DAY_S)


def test_only_old_logs_without_a_file_go() -> None:
    assert expired(LogFile("gone.file.text.db", 60 * DAY_S)) == ["gone.file.text.db"]
    assert expired(LogFile("gone.file.text.db", 80 * DAY_S)) == []
    assert expired(LogFile("known.file.text.db", 0)) == []


def test_old_logs_that_were_set_aside_go() -> None:
    assert expired(LogFile("known.file.text.db.unreadable-x", 0))
    assert not expired(LogFile("known.file.text.db.unreadable-x", 99 * DAY_S))


async def test_they_are_removed_and_the_log_of_a_file_that_exists_stays(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    async with open_world(folder) as world:
        assert await remove_expired_logs(tmp_path / "none", world.file_ids, now=0, keep_s=0) == []
        await world.registry.open(TEXT_ID)
        await world.registry.close()
        orphan = folder / "orphan.file.text.db"
        orphan.write_text("")
        for path in folder.iterdir():
            os.utime(path, (0, 0))

        removed = await remove_expired_logs(folder, world.file_ids, now=100, keep_s=10)

        assert removed == [orphan.name]
        assert [path.name for path in folder.iterdir()] == [f"{TEXT_ID.file_name}.db"]
