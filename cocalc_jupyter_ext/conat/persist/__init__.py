"""Persistent streams: ordered messages that survive the process (conat-sync §1, §2).

Here are the values and the two interfaces: ``store`` is what keeps a stream, ``access`` is what
uses one, wherever it is. ``database/`` keeps streams in SQLite, ``server/`` offers them to the
message fabric, ``client/`` reaches them from there.
"""

__all__: list[str] = []
