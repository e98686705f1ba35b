"""One spelling for every path of the contents API (pure).

Ids belong to spellings: ``a.ipynb`` and ``dir/../a.ipynb`` must not become two documents.
"""

import posixpath

__all__ = ["normal_path"]


def normal_path(path: str) -> str:
    """Return the path without outer slashes, doubled slashes, ``.`` and ``..``."""
    return posixpath.normpath(path.strip("/"))
