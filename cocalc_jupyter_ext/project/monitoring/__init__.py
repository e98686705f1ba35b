"""What goes on in a project: its processes, memory and disk (hub-project-api §4.13)."""

__all__: list[str] = []
