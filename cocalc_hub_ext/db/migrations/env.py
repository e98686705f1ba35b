"""Alembic's environment: runs on the connection that ``db.schema`` hands over.

Only tables of ours are looked at, so that they can share a database with JupyterHub's.
"""

from typing import Any

from alembic import context

from cocalc_hub_ext.db.models import TABLE_PREFIX, VERSION_TABLE, Base

__all__: list[str] = []


def is_ours(_object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Leave out every table that does not carry our prefix."""
    return kind != "table" or (name or "").startswith(TABLE_PREFIX)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    include_object=is_ours,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
