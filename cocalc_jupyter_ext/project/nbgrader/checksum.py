"""The checksum of a cell that students fill in, as CoCalc makes it (pure; syncdoc-jupyter §9.5).

It differs from that of the package ``nbgrader`` in the order of the flags (there: grade, solution,
locked), and in that points are printed as JavaScript prints them (there: ``1.0``). Nobody at
CoCalc compares it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from ...documents.syncdoc.canonical import javascript_number
from .metadata import points_of

__all__ = ["checksum"]

_ORDER: Final = ("grade", "locked", "solution")


def checksum(source: str, cell_type: str, grading: Mapping[str, Any]) -> str:
    """Return 32 hexadecimal digits for the text and the metadata of a cell."""
    parts = [source, cell_type or "code"]
    parts += [str(bool(grading.get(flag))) for flag in _ORDER]
    parts.append(str(grading.get("grade_id") or ""))
    if grading.get("grade"):
        parts.append(javascript_number(points_of(grading)))
    text = "".join(parts).encode(errors="surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()
