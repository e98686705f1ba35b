"""Accounts and projects."""

import sqlalchemy as sa
from alembic import op

from cocalc_hub_ext.db.types import Id, JsonMap, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "cocalc_accounts",
        sa.Column("account_id", Id, nullable=False),
        sa.Column("hub_user", sa.String(255), nullable=False),
        sa.Column("display_name", sa.String(254), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_cocalc_accounts"),
        sa.UniqueConstraint("hub_user", name="uq_cocalc_accounts_hub_user"),
    )
    op.create_table(
        "cocalc_projects",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("title", sa.String(1024), nullable=False),
        sa.Column("description", sa.String(65536), nullable=False),
        sa.Column("users", JsonMap, nullable=False),
        sa.Column("state", JsonMap, nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("last_edited", UtcDateTime(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name="pk_cocalc_projects"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_cocalc_projects_users", "cocalc_projects", ["users"], postgresql_using="gin"
        )


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("cocalc_projects")
    op.drop_table("cocalc_accounts")
