"""What says whether two contents are the same, without either of them (pure).

A large notebook is written out cell by cell and output by output: while one piece of JSON is made,
no other thread of the process can do anything.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from .storage import Content

__all__ = ["content_digest", "exact_digest", "is_notebook"]


def content_digest(content: Content) -> str:
    """Return a digest that is equal for content that means the same.

    What contents managers add to a notebook when they read it (trust marks, empty
    attachments) does not count.
    """
    digest = hashlib.sha256()
    for piece in _pieces(_plain_notebook(content) if is_notebook(content) else content):
        digest.update(_json(piece))
    return digest.hexdigest()


def exact_digest(content: Content, *, prefix: str) -> str:
    """Return a digest of a name and all of a content.

    Raises ValueError for what no shared document can hold: infinity and the like, which would
    silently be null, and halves of characters.
    """
    digest = hashlib.sha256(prefix.encode())
    for piece in _pieces(content):
        digest.update(_strict_json(piece))
    return digest.hexdigest()


def is_notebook(content: Content) -> bool:
    """Return whether content is that of a notebook."""
    return isinstance(content, Mapping) and isinstance(content.get("cells"), list)


def _pieces(content: Content) -> Iterator[Any]:
    """Yield what a content is made of, in an order that tells contents apart."""
    if not is_notebook(content):
        yield content
        return
    for cell in content["cells"]:
        outputs = cell.get("outputs") if isinstance(cell, Mapping) else None
        if isinstance(outputs, list):
            yield {**cell, "outputs": len(outputs)}
            yield from outputs
        else:
            yield cell
    yield {**content, "cells": len(content["cells"])}


def _json(value: Any) -> bytes:
    if isinstance(value, str | bytes):
        return value if isinstance(value, bytes) else value.encode(errors="surrogatepass")
    return json.dumps(value, sort_keys=True).encode()


def _strict_json(value: Any) -> bytes:
    if isinstance(value, str | bytes):
        return value if isinstance(value, bytes) else value.encode()
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False).encode()


def _plain_notebook(content: Mapping[str, Any]) -> dict[str, Any]:
    return {**content, "cells": [_plain_cell(cell) for cell in content["cells"]]}


def _plain_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in cell.get("metadata", {}).items() if k != "trusted"}
    plain = {k: v for k, v in cell.items() if k != "attachments" or v}
    return plain | {"metadata": metadata}
