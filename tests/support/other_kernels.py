"""Real kernels of other languages than Python: bash, and TypeScript by Deno."""

import json
import sys
from pathlib import Path

__all__ = ["SPECS", "install_kernels"]

DENO = Path(sys.executable).with_name("deno")
"""Installed by its package beside Python, which may not be on the path."""

SPECS = {
    "bash": {
        "argv": [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"],
        "display_name": "Bash",
        "language": "bash",
        "env": {"PS1": "$"},
    },
    "deno": {
        "argv": [str(DENO), "jupyter", "--kernel", "--conn", "{connection_file}"],
        "display_name": "Deno",
        "language": "typescript",
    },
}


def install_kernels(folder: Path) -> str:
    """Write the specifications below a folder; return it, for ``JUPYTER_PATH``."""
    for name, spec in SPECS.items():
        place = folder / "kernels" / name
        place.mkdir(parents=True)
        (place / "kernel.json").write_text(json.dumps(spec))
    return str(folder)
