"""The settings of a notebook that participants choose (pure; syncdoc-jupyter §3.4)."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..syncdoc.records import Records
from .changes import Change, Set, map_changes, set_settings
from .errors import InvalidActionError
from .reading import metadata_of, require_map, settings_of

__all__ = [
    "request_conversion",
    "set_kernel",
    "set_max_output_length",
    "set_notebook_metadata",
    "set_trust",
]


def set_kernel(records: Records, kernel: str) -> list[Change]:
    """Choose the kernel by its name; the empty text means none, on purpose.

    Raises InvalidActionError.
    """
    if not isinstance(kernel, str):
        raise InvalidActionError("a kernel is chosen by its name, a text")
    name = kernel.strip().lower()
    return [] if settings_of(records).get("kernel") == name else [set_settings(kernel=name)]


def set_trust(records: Records, is_trusted: bool) -> list[Change]:
    """Say whether outputs may do what their authors like; raises InvalidActionError."""
    if not isinstance(is_trusted, bool):
        raise InvalidActionError("trust is True or False")
    is_known = settings_of(records).get("trust") is is_trusted
    return [] if is_known else [set_settings(trust=is_trusted)]


def set_notebook_metadata(
    records: Records, metadata: Mapping[str, Any], *, merge: bool = False
) -> list[Change]:
    """Replace the notebook's metadata; with ``merge`` only these keys, null taking one away.

    The kernel is not part of it. Raises InvalidActionError for that.
    """
    require_map(metadata, "metadata")
    if "kernelspec" in metadata:
        raise InvalidActionError("choose the kernel with set_kernel, not by metadata")
    settings = settings_of(records)
    old = metadata_of(settings)
    new = dict(metadata)
    if merge:
        new = {name: value for name, value in {**old, **metadata}.items() if value is not None}
    if new == dict(old):
        return []
    return [set_settings(metadata=map_changes(settings.get("metadata"), new))]


def set_max_output_length(_records: Records, characters: int) -> list[Change]:
    """Limit the outputs of each cell; readers clip it to 100 to 250000 characters."""
    if isinstance(characters, bool) or not isinstance(characters, int) or characters <= 0:
        raise InvalidActionError("the length of outputs is a number of characters")
    return [set_settings(max_output_length=characters)]


def request_conversion(records: Records, args: Sequence[str]) -> list[Change]:
    """Ask for a conversion by nbconvert with these arguments (§10).

    Raises InvalidActionError while another one is asked for or runs.
    """
    if isinstance(args, str) or not all(isinstance(each, str) for each in args):
        raise InvalidActionError("the arguments of nbconvert are a list of texts")
    if (records.get_one({"type": "nbconvert"}) or {}).get("state") in {"start", "run"}:
        raise InvalidActionError("the notebook is being converted; wait until that is done")
    return [Set({"type": "nbconvert", "args": list(args), "state": "start", "error": None})]
