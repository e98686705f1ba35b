"""The names of all functions of a project's API (hub-project-api §3.2, §3.4, §3.5).

A name that stands here and that nobody offers is answered with "not supported", and any other
with "unknown".
"""

from typing import Final

__all__ = ["KNOWN_FUNCTIONS"]

_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "system": (
        "ping",
        "test",
        "version",
        "listing",
        "deleteFiles",
        "moveFiles",
        "renameFile",
        "realpath",
        "canonicalPaths",
        "writeTextFileToProject",
        "readTextFileFromProject",
        "configuration",
        "exec",
        "signal",
        "jupyterExecute",
        "listJupyterKernels",
        "stopJupyterKernel",
        "terminate",
    ),
    "editor": (
        "newFile",
        "jupyterStripNotebook",
        "jupyterNbconvert",
        "jupyterRunNotebook",
        "jupyterKernelLogo",
        "jupyterKernels",
        "formatterString",
        "printSageWS",
        "createTerminalService",
    ),
    "sync": ("close",),
}

KNOWN_FUNCTIONS: Final = frozenset(
    f"{group}.{name}" for group, names in _GROUPS.items() for name in names
)
