"""``python -m cocalc_hub_ext.server`` runs the service; JupyterHub does so when it manages it."""

from .app import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
