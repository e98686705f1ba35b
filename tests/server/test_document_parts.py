import os
from pathlib import Path

from cocalc_jupyter_ext.documents.rooms import Rooms
from cocalc_jupyter_ext.server.document_parts import DocumentParts
from cocalc_jupyter_ext.server.settings import ServerSettings

from ..support.documents import TEXT_ID, open_world


async def test_old_logs_go_at_the_start_and_documents_are_saved_at_the_end(
    tmp_path: Path,
) -> None:
    settings = ServerSettings(data_folder=tmp_path)
    settings.log_folder.mkdir()
    old = settings.log_folder / "gone.file.text.db"
    old.write_text("")
    os.utime(old, (0, 0))
    async with open_world(settings.log_folder) as world:
        parts = DocumentParts(world.registry, Rooms(world.registry), world.file_ids, settings)
        await parts.start()
        document = await world.registry.open(TEXT_ID)
        with document.edit():
            document.ydoc.ydoc["source"] += "!"
        assert parts._tidying is not None
        await parts._tidying
        await parts.stop()
        await parts.stop()

        assert not old.exists()
        assert world.storage.files["a.txt"] == "hello!"
