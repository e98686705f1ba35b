"""The persist service: streams for clients anywhere in the message fabric (conat-sync §1)."""

__all__: list[str] = []
