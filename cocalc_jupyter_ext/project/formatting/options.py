"""How a text is to be formatted, as a client says it (pure; syncdoc-jupyter §11)."""

from dataclasses import dataclass
from typing import Final

from ..arguments import Arguments

__all__ = ["MAX_TAB_WIDTH", "FormatOptions", "read_options"]

MAX_TAB_WIDTH: Final = 16


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """``parser`` names a formatter; ``last_changed_ms`` is the newest edit that the client made."""

    parser: str
    tab_width: int | None = None
    use_tabs: bool = False
    last_changed_ms: int | None = None

    @property
    def indent(self) -> int:
        """The width of one level."""
        return 2 if self.tab_width is None else self.tab_width


def read_options(function: str, value: object) -> FormatOptions:
    """Read the ``options`` of a call; raises ApiError for what has the wrong type."""
    options = Arguments(f"{function}: options", value)
    width = options.integer("tabWidth", None)
    return FormatOptions(
        parser=options.text("parser"),
        tab_width=None if not width else min(width, MAX_TAB_WIDTH),
        use_tabs=options.flag("useTabs"),
        last_changed_ms=options.integer("lastChanged", None),
    )
