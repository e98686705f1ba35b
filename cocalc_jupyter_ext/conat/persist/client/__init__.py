"""Streams of a persist service as its clients see them (conat-sync §1.10)."""

__all__: list[str] = []
