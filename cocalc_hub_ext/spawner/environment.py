"""What a project's processes find in their environment; pure.

Only what is listed here and what JupyterHub itself sets for the server gets through: nothing of the
hub's own environment that could be a secret. All of Jupyter's directories are inside the home.
"""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["KEPT_VARIABLES", "project_variables"]

KEPT_VARIABLES = (
    "CONDA_DEFAULT_ENV",
    "CONDA_ROOT",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "TZ",
    "VIRTUAL_ENV",
)
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def project_variables(
    project_id: str,
    home: Path,
    *,
    python: Path,
    shell: str,
    unix_user: str,
    defaults: Path,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """Return the variables of the project ``project_id`` that are added to JupyterHub's own.

    The folder of ``python`` comes first in ``PATH``, so that ``python``, ``jupyter`` and ``pip``
    in a terminal are the ones the server runs with. ``defaults`` is a Jupyter configuration folder
    for all projects: without its settings every project would ask each of its members about
    Jupyter's news and about updates that only the administrator can make.
    """
    return {
        "COCALC_PROJECT_ID": project_id,
        "HOME": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_CONFIG_PATH": str(defaults),
        "JUPYTER_DATA_DIR": str(home / ".local" / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / ".local" / "share" / "jupyter" / "runtime"),
        "LANG": inherited.get("LANG", "C.UTF-8"),
        "LOGNAME": unix_user,
        "PATH": _with_first(str(python.parent), inherited.get("PATH", _SYSTEM_PATH)),
        "SHELL": shell,
        "USER": unix_user,
    }


def _with_first(folder: str, path: str) -> str:
    return ":".join([folder, *(part for part in path.split(":") if part and part != folder)])
