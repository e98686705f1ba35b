"""The tables, all prefixed ``cocalc_`` so that they may live in the hub's own database.

Columns are the part of hub-project-api §7.2 that is used; more are added by migrations when
something uses them. Rows never leave ``db``: the aggregate modules return plain values.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .types import Id, JsonMap, UtcDateTime

__all__ = ["TABLE_PREFIX", "VERSION_TABLE", "AccountRow", "Base", "ProjectRow"]

TABLE_PREFIX = "cocalc_"
VERSION_TABLE = "cocalc_alembic_version"


class Base(DeclarativeBase):
    """Own metadata: nothing of the hub's tables is ever compared, changed or dropped."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AccountRow(Base):
    """A person. ``hub_user`` is the name the authenticator gives."""

    __tablename__ = "cocalc_accounts"

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    hub_user: Mapped[str] = mapped_column(String(255), unique=True)
    display_name: Mapped[str] = mapped_column(String(254))
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class ProjectRow(Base):
    """A project. ``users`` maps account ids to ``{"group": "owner" | "collaborator"}``."""

    __tablename__ = "cocalc_projects"
    __table_args__ = (
        Index("ix_cocalc_projects_users", "users", postgresql_using="gin").ddl_if("postgresql"),
    )

    project_id: Mapped[str] = mapped_column(Id, primary_key=True)
    title: Mapped[str] = mapped_column(String(1024))
    description: Mapped[str] = mapped_column(String(65536))
    users: Mapped[dict[str, dict[str, Any]]] = mapped_column(JsonMap)
    state: Mapped[dict[str, Any]] = mapped_column(JsonMap)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    last_edited: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted: Mapped[bool] = mapped_column(default=False)
