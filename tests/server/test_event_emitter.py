import logging
from typing import Any

import pytest
from jupyter_events import EventLogger

from cocalc_jupyter_ext.documents.notices import Notice
from cocalc_jupyter_ext.documents.room_ids import RoomId
from cocalc_jupyter_ext.server.event_emitter import (
    AWARENESS_SCHEMA,
    FORK_SCHEMA,
    SESSION_SCHEMA,
    EventEmitter,
)


async def test_events_follow_the_stock_schemas(caplog: pytest.LogCaptureFixture) -> None:
    events = EventLogger()
    seen: list[tuple[str, dict[str, Any]]] = []

    async def listen(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
        kept = {key: value for key, value in data.items() if not key.startswith("__")}
        seen.append((schema_id, kept))

    emitter = EventEmitter(events, logging.getLogger("test"))
    EventEmitter(events, logging.getLogger("test"))  # registering again does no harm
    for schema in (SESSION_SCHEMA, AWARENESS_SCHEMA):
        events.add_listener(schema_id=schema, listener=listen)

    emitter.joined("JupyterLab:globalAwareness", "ann")
    emitter.left("JupyterLab:globalAwareness", "ann")
    emitter.notice(
        Notice(
            room_id=RoomId("json", "notebook", "x"),
            path="a.ipynb",
            action="overwrite",
            message="changed",
            level="WARNING",
        )
    )
    await events.gather_listeners()

    people = {"roomid": "JupyterLab:globalAwareness", "username": "ann"}
    assert seen == [
        (AWARENESS_SCHEMA, people | {"action": "join"}),
        (AWARENESS_SCHEMA, people | {"action": "leave"}),
        (
            SESSION_SCHEMA,
            {
                "level": "ERROR",
                "room": "json:notebook:x",
                "path": "a.ipynb",
                "action": "overwrite",
                "msg": "changed",
            },
        ),
    ]
    assert "a.ipynb: changed" in caplog.text
    assert FORK_SCHEMA in events.schemas
