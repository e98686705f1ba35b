"""``python -m cocalc_hub_ext.proxy`` runs the proxy process."""

from .server import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
