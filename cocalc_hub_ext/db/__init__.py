"""The hub's own tables: accounts and projects, in SQLite or PostgreSQL (design D10)."""
