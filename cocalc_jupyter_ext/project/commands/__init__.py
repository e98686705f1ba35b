"""``system.exec``: programs that collaborators run in the project (hub-project-api §3.3)."""

__all__: list[str] = []
