"""What a notebook says about its language, as far as nbconvert acts on it (pure).

For ``--to script`` nbconvert calls the class that the notebook names, and ends the name of the
result as the notebook says: it would load any module, and write to any path. A notebook may come
from anywhere, so only plain words are taken.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from .orders import ConversionRefused

__all__ = ["check_language"]

_PLAIN: Final = {
    "file_extension": re.compile(r"\.[A-Za-z0-9_+-]{1,20}"),
    "name": re.compile(r"[^\0/]{1,100}"),
    "nbconvert_exporter": re.compile(r"[A-Za-z0-9_-]{1,100}"),
}


def check_language(notebook: object) -> None:
    """Raise ConversionRefused for a notebook whose language has names that are none."""
    language = _part(_part(notebook, "metadata"), "language_info")
    for field, pattern in _PLAIN.items():
        value = language.get(field)
        if value and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise ConversionRefused(
                f"the notebook's metadata.language_info.{field} is '{str(value)[:100]}', which "
                "is not a plain name; correct it, or choose another format"
            )


def _part(value: object, name: str) -> Mapping[str, Any]:
    part = value.get(name) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else {}
