"""How the process of a kernel is started: environment, limits, its way to print (pure; §4.8).

Sections are those of syncdoc-jupyter.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

__all__ = [
    "DROPPED_VARIABLES",
    "FILENAME_VARIABLE",
    "OUTPUT_VARIABLE",
    "SESSION_VARIABLE",
    "kernel_environment",
    "with_limits",
    "with_parent",
    "with_prompt_output",
]

DROPPED_VARIABLES: Final = frozenset({"DEBUG", "DEBUG_CONSOLE", "NODE_ENV", "DEBUG_FILE"})
"""How the server itself runs is not for the programs of its users."""
FILENAME_VARIABLE: Final = "COCALC_JUPYTER_FILENAME"
SESSION_VARIABLE: Final = "JPY_SESSION_NAME"
"""The absolute path of the notebook, which Jupyter Server gives to kernels of sessions."""

OUTPUT_VARIABLE: Final = "COCALC_KERNEL_OUTPUT"
"""With ``stock`` in its environment, a Python kernel prints by ipykernel's own means."""

_OUTSTREAM_OPTION: Final = "--IPKernelApp.outstream_class"
_PROMPT_OUTSTREAM: Final = "cocalc_jupyter_ext.kernels.inside.prompt_output.PromptOutStream"

_LIMIT = re.compile(r"-[a-zA-Z] (\d+|unlimited)")


def kernel_environment(
    base: Mapping[str, str],
    *,
    name: str,
    argv: Sequence[str] = (),
    path: str | None = None,
    home: str = "",
) -> dict[str, str]:
    """Return the environment of a kernel: ``base`` without what is the server's, and ours.

    ``path`` is that of the notebook. A ``PLOTLY_RENDERER`` that somebody chose is kept.
    """
    kept = {key: value for key, value in base.items() if key not in DROPPED_VARIABLES}
    added = {"COCALC_JUPYTER_KERNELNAME": name}
    if path is not None:
        added[FILENAME_VARIABLE] = path
    if argv and Path(argv[0]).name.startswith("sage"):
        added |= {
            "PYTHONUSERBASE": f"{home}/.local",
            "PYTHON_EGG_CACHE": f"{home}/.sage/.python-eggs",
            "R_MAKEVARS_USER": f"{home}/.sage/R/Makevars.user",
        }
    return {"PLOTLY_RENDERER": "colab"} | kept | added


def with_limits(argv: Sequence[str], ulimit: str) -> list[str]:
    """Return the command that runs ``argv`` under the limits of ``ulimit``, such as ``-t 30``.

    Every option is a command of its own, since not every shell takes several at once. One that
    cannot be set is skipped: that is where the machine's own limit is lower. Raises
    ``ValueError`` for what are no such options.
    """
    words = shlex.split(ulimit)
    options = [" ".join(words[index : index + 2]) for index in range(0, len(words), 2)]
    for option in options:
        if not _LIMIT.fullmatch(option):
            raise ValueError(f"{option!r} is not an option of ulimit with a number, such as -t 30")
    if not options:
        return list(argv)
    script = "; ".join(f"ulimit {option}" for option in options)
    return ["sh", "-c", f'{script}; exec "$@"', "kernel", *argv]


def with_parent(argv: Sequence[str], setpriv: str | None) -> list[str]:
    """Return the command that ends at once when the process that starts it dies.

    ``setpriv`` is the program that arranges it; without it, only kernels that look after their
    parent themselves end (those of Python do).
    """
    return [setpriv, "--pdeathsig", "KILL", "--", *argv] if setpriv else list(argv)


def with_prompt_output(argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Return the command of a kernel that prints promptly, if it is one of ipykernel.

    The kernel's Python must be able to import this package. Whoever chose a way to print keeps it.
    """
    is_chosen = env.get(OUTPUT_VARIABLE) == "stock" or any(
        word.startswith(_OUTSTREAM_OPTION) for word in argv
    )
    if is_chosen or ("-m", "ipykernel_launcher") not in pairwise(argv):
        return list(argv)
    return [*argv, f"{_OUTSTREAM_OPTION}={_PROMPT_OUTSTREAM}"]
