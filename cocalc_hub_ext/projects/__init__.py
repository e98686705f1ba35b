"""Projects: their life cycle, their members, and the mirror of both in JupyterHub."""
