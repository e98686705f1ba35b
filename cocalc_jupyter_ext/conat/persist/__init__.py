"""Persistent streams: ordered messages that survive the process (conat-sync §2).

``store`` declares what a stream store does, ``sqlite_store`` keeps one stream in one SQLite file
with the table layout of conat-sync §2.2. ``service`` serves stores to the message fabric,
``remote`` uses them from elsewhere, and ``access`` declares what such a user can do.
"""

__all__: list[str] = []
