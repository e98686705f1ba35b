"""The two lists that a project shares with its clients: open files, and their compute servers."""

from dataclasses import dataclass
from typing import Final

from ...conat.client.client import Client
from ...conat.sync.dkv import DKV
from ...conat.sync.open_files import OpenFiles, open_open_files
from ...conat.sync.opening import open_dkv
from .open_entries import PROJECT

__all__ = ["SharedLists", "open_shared_lists"]

_COMPUTE_SERVERS: Final = "compute-server-manager"


@dataclass(frozen=True, slots=True)
class SharedLists:
    """Both lists, open; ``compute_servers`` has the chosen compute server of a path."""

    entries: OpenFiles
    compute_servers: DKV

    def is_ours(self, path: str) -> bool:
        """Return whether the project itself serves a file: no compute server was chosen for it."""
        chosen = self.compute_servers.get(path)
        return not isinstance(chosen, dict) or chosen.get("id") in (None, PROJECT)

    async def close(self) -> None:
        """Stop following both lists."""
        await self.entries.close()
        await self.compute_servers.close()


async def open_shared_lists(client: Client, project_id: str) -> SharedLists:
    """Open both lists of a project; raises ConatError."""
    entries = await open_open_files(client, project_id=project_id)
    try:
        servers = await open_dkv(
            client, name=_COMPUTE_SERVERS, project_id=project_id, no_inventory=True
        )
    except BaseException:
        await entries.close()
        raise
    return SharedLists(entries, servers)
