"""Build the JupyterLab extension as a part of the Python package.

The built files win when they are there (a wheel's sdist, ``make build``), so that nobody
needs Node to install a release. Without them Node is needed, and its absence is one clear line.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
BUILT = ROOT / "cocalc_jupyter_ext" / "labextension" / "package.json"
NO_NODE = (
    "cocalc-jupyter: building the JupyterLab extension from a checkout needs Node.js >= 20 "
    "(`node` and `npm` on the PATH). Install it (https://nodejs.org), or install a released "
    "wheel, which contains the built extension and needs no Node."
)


class FrontEndBuildHook(BuildHookInterface[Any]):
    """Run the front end's production build unless its result is there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build ``cocalc_jupyter_ext/labextension``; SystemExit with advice if Node is missing."""
        if BUILT.exists():
            return
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise SystemExit(NO_NODE)
        environment = os.environ | {"YARN_NPM_REGISTRY_SERVER": _registry(npm)}
        for command in (["jlpm", "install", "--immutable"], ["jlpm", "build:prod"]):
            subprocess.run(command, cwd=ROOT / "labextension", env=environment, check=True)


def _registry(npm: str) -> str:
    """Return npm's configured registry, which jlpm would not look at by itself."""
    if chosen := os.environ.get("YARN_NPM_REGISTRY_SERVER"):
        return chosen
    answer = subprocess.run(
        [npm, "config", "get", "registry"], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()
