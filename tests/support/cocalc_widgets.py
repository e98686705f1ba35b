"""The widgets of a notebook as a CoCalc client sees them: the records of their table."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.services.named import ServiceClient, service_subject
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.opening import open_dkv
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.kernels.widgets.records import record_key

__all__ = ["CoCalcWidgets", "cocalc_widgets"]


class CoCalcWidgets:
    """Reads and writes the records as syncdoc-jupyter §8.1 and §8.3 say."""

    def __init__(self, records: DKV, name: str, service: ServiceClient) -> None:
        self.records = records
        self.name = name
        self._service = service

    def data(self, model_id: str, record_type: Any) -> Any:
        """Return the data of a record, or None."""
        record = self.records.get(record_key(self.name, model_id, record_type))
        return None if record is None else record["data"]

    def models(self) -> dict[str, dict[str, Any]]:
        """Return the serialised states: ``state`` overlaid with ``value``."""
        found: dict[str, dict[str, Any]] = {}
        for record in self.records.get_all().values():
            if record["type"] == "state" and record["data"] is not None:
                model_id = record["model_id"]
                found[model_id] = {**record["data"], **(self.data(model_id, "value") or {})}
        return found

    def named(self, name: str) -> list[str]:
        """Return the ids of the models of one class."""
        return [key for key, state in self.models().items() if state.get("_model_name") == name]

    async def write(self, model_id: str, **changes: Any) -> None:
        """Change fields of a model as a browser does."""
        known = self.data(model_id, "value") or {}
        count = known.get("last_changed", 0) + 1
        self.put(model_id, {**known, **changes, "last_changed": count})
        await self.records.save()

    def put(self, model_id: str, data: Any) -> None:
        """Write a whole value record."""
        record = {"string_id": self.name, "model_id": model_id, "type": "value", "data": data}
        self.records.set(record_key(self.name, model_id, "value"), record)

    async def call(self, name: str, *args: Any) -> Any:
        """Call a function of the notebook."""
        return await self._service.call(name, *args)

    async def buffer(self, model_id: str, path: str) -> bytes:
        """Fetch binary data."""
        answer = await self.call("ipywidgetsGetBuffer", {"model_id": model_id, "buffer_path": path})
        return base64.b64decode(answer["buffer64"])

    async def until(self, condition: Callable[[], Any], timeout_s: float = 20) -> None:
        """Wait until something holds for the records."""
        changed = asyncio.Event()
        disconnect = self.records.changes.connect(lambda _: changed.set())
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    changed.clear()
                    await changed.wait()
        finally:
            disconnect()


@asynccontextmanager
async def cocalc_widgets(
    client: Client, project_id: str, notebook: str
) -> AsyncIterator[CoCalcWidgets]:
    """Open the table of a notebook."""
    name = string_id(project_id, f".{notebook}.sage-jupyter2")
    records = await open_dkv(
        client,
        name=f"ipywidgets:{name}",
        project_id=project_id,
        config={"max_age": 86_400_000},
        ephemeral=True,
        no_inventory=True,
    )
    subject = service_subject("api", project_id=project_id, path=notebook)
    async with records:
        yield CoCalcWidgets(records, name, ServiceClient(client, subject, timeout_s=30))
