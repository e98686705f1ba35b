"""One stream in one SQLite database: tables, limits, copies (conat-sync §2)."""

__all__: list[str] = []
