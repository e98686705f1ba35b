"""Sockets: reliable, ordered, exactly-once channels between one client and one server (§14)."""

__all__: list[str] = []
