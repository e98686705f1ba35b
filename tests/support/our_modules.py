"""Every module of both packages, imported."""

import importlib
import pkgutil
from types import ModuleType

import cocalc_hub_ext
import cocalc_jupyter_ext

__all__ = ["MODULES", "PACKAGES"]

PACKAGES = (cocalc_jupyter_ext, cocalc_hub_ext)


def _import_all() -> list[ModuleType]:
    return [
        importlib.import_module(found.name)
        for package in PACKAGES
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        # These do something when they are imported.
        if not found.name.endswith((".__main__", ".env"))
    ]


MODULES = _import_all()
