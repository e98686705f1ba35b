"""How shared structures are opened (conat-sync §4).

Every ``open_…`` returns when the structure is loaded; close what it returns, or use it in
``async with``. Options that all of them have: ``name``; ``project_id`` or ``account_id``, whose
data it is (neither: the hub's); ``service``, the persist service; ``ephemeral`` keeps the data in
the server's memory only, ``sync`` waits for its disk. For those with a mirror: ``config`` are
settings of the stream (§2.6), ``desc`` describes the store in the inventory, ``no_inventory``
leaves it out there, ``autosave`` saves in the background, ``cached`` shares one object among all
who open the same store over the same client; the options of the first then count.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from time import time
from typing import Any, Final, TypeVar

from ..client.client import Client
from ..client.identifiers import random_id
from ..persist.access import Owner, StorageOptions
from ..persist.client.remote import DEFAULT_SERVICE, acquire
from ..types import JsonValue
from .akv import AKV
from .astream import AStream
from .caching import Shareable, shared_structures
from .core_stream import CoreStream
from .dko import DKO
from .dko_rows import PREFIX
from .dkv import DKV
from .dstream import DStream
from .inventory import INVENTORY_NAME, Inventory, Kind
from .inventory_updates import InventoryUpdates
from .merge import Merge

__all__ = [
    "open_akv",
    "open_astream",
    "open_core_stream",
    "open_dko",
    "open_dkv",
    "open_dstream",
    "open_inventory",
]

S = TypeVar("S", bound=Shareable)


@dataclass(frozen=True, slots=True)
class _Where:
    """Whose stores, and which service has them."""

    owner: Owner
    service: str


_WITH_TOMBSTONES: Final = {"allow_msg_ttl": True}
"""Tombstones carry a time to live, which has to be honoured (§3.7)."""


async def open_core_stream(
    client: Client,
    *,
    name: str,
    project_id: str | None = None,
    account_id: str | None = None,
    config: Mapping[str, object] | None = None,
    start_seq: int | None = None,
    ephemeral: bool = False,
    sync: bool = False,
    service: str = DEFAULT_SERVICE,
) -> CoreStream:
    """Open a mirror of a stream; raises PathDenied, and RemoteError with code 403 or 429."""
    owner = Owner(project_id, account_id)
    storage = StorageOptions(owner.path_of(name), ephemeral=ephemeral, sync=sync)
    access = await acquire(client, owner, storage, service=service)
    core = CoreStream(access, name, start_seq=start_seq)
    try:
        await core.open(config)
    except BaseException:
        await core.close()
        raise
    return core


async def open_dstream(
    client: Client,
    *,
    name: str,
    project_id: str | None = None,
    account_id: str | None = None,
    config: Mapping[str, object] | None = None,
    start_seq: int | None = None,
    ephemeral: bool = False,
    sync: bool = False,
    autosave: bool = True,
    no_inventory: bool = False,
    desc: JsonValue = None,
    service: str = DEFAULT_SERVICE,
    cached: bool = True,
) -> DStream:
    """Open a shared log, from ``start_seq`` on; raises what ``open_core_stream`` raises."""
    where = _Where(Owner(project_id, account_id), service)

    async def make() -> DStream:
        core = await open_core_stream(
            client,
            name=name,
            project_id=project_id,
            account_id=account_id,
            config=config,
            start_seq=start_seq,
            ephemeral=ephemeral,
            sync=sync,
            service=service,
        )
        updates = None if no_inventory else _updates(client, where, core, "stream", desc)
        dstream = DStream(core, random_id, updates)
        dstream.start(autosave=autosave)
        return dstream

    return await _open(client, ("dstream", name, where), make, cached=cached)


async def open_dkv(
    client: Client,
    *,
    name: str,
    project_id: str | None = None,
    account_id: str | None = None,
    config: Mapping[str, object] | None = None,
    merge: Merge | None = None,
    ephemeral: bool = False,
    sync: bool = False,
    autosave: bool = True,
    no_inventory: bool = False,
    desc: JsonValue = None,
    service: str = DEFAULT_SERVICE,
    cached: bool = True,
) -> DKV:
    """Open a shared map; ``merge`` decides conflicts. Raises what ``open_core_stream`` raises."""
    where = _Where(Owner(project_id, account_id), service)

    async def make() -> DKV:
        core = await open_core_stream(
            client,
            name=name,
            project_id=project_id,
            account_id=account_id,
            config={**(config or {}), **_WITH_TOMBSTONES},
            ephemeral=ephemeral,
            sync=sync,
            service=service,
        )
        updates = None if no_inventory else _updates(client, where, core, "kv", desc)
        dkv = DKV(core, random_id, merge=merge, updates=updates)
        dkv.start(autosave=autosave)
        return dkv

    return await _open(client, ("dkv", name, where), make, cached=cached)


async def open_dko(
    client: Client,
    *,
    name: str,
    project_id: str | None = None,
    account_id: str | None = None,
    service: str = DEFAULT_SERVICE,
    cached: bool = True,
    **options: Any,
) -> DKO:
    """Open a shared map of objects; ``options`` are those of ``open_dkv``."""
    where = _Where(Owner(project_id, account_id), service)

    async def make() -> DKO:
        dkv = await open_dkv(
            client,
            name=f"{PREFIX}{name}",
            project_id=project_id,
            account_id=account_id,
            service=service,
            cached=cached,
            **options,
        )
        return DKO(dkv)

    return await _open(client, ("dko", name, where), make, cached=cached)


async def open_akv(
    client: Client,
    *,
    name: str,
    project_id: str | None = None,
    account_id: str | None = None,
    ephemeral: bool = False,
    service: str = DEFAULT_SERVICE,
) -> AKV:
    """Return access to a map without a mirror; raises PathDenied."""
    owner = Owner(project_id, account_id)
    storage = StorageOptions(owner.path_of(name), ephemeral=ephemeral)
    return AKV(await acquire(client, owner, storage, service=service), name)


async def open_astream(
    client: Client,
    *,
    name: str,
    project_id: str | None = None,
    account_id: str | None = None,
    ephemeral: bool = False,
    service: str = DEFAULT_SERVICE,
) -> AStream:
    """Return access to a log without a mirror; raises PathDenied."""
    owner = Owner(project_id, account_id)
    storage = StorageOptions(owner.path_of(name), ephemeral=ephemeral)
    return AStream(await acquire(client, owner, storage, service=service), name)


async def open_inventory(
    client: Client,
    *,
    project_id: str | None = None,
    account_id: str | None = None,
    service: str = DEFAULT_SERVICE,
) -> Inventory:
    """Open the list of an owner's stores; it does not list itself."""
    dkv = await open_dkv(
        client,
        name=INVENTORY_NAME,
        project_id=project_id,
        account_id=account_id,
        service=service,
        no_inventory=True,
    )
    return Inventory(dkv)


async def _open(
    client: Client, key: object, make: Callable[[], Coroutine[Any, Any, S]], *, cached: bool
) -> S:
    return await (shared_structures(client).open(key, make) if cached else make())


def _updates(
    client: Client, where: _Where, core: CoreStream, kind: Kind, desc: JsonValue
) -> InventoryUpdates:
    """Return what keeps the entry of a store up to date; between two updates nothing is open."""

    async def update() -> None:
        inventory = await open_inventory(
            client,
            project_id=where.owner.project_id,
            account_id=where.owner.account_id,
            service=where.service,
        )
        async with inventory:
            totals = await core.inventory()
            inventory.set(core.name, kind, totals, now_ms=round(time() * 1000), desc=desc)
            await inventory.save()

    return InventoryUpdates(update, core.name)
