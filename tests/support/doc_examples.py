"""The examples of the documentation."""

import re
from pathlib import Path

__all__ = ["examples"]

DOCS = Path(__file__).parent.parent.parent / "docs"


def examples(page: str, language: str = "python") -> dict[str, str]:
    """Return the examples of a page by the headings above them, one for each."""
    sections = re.split(r"^## ", (DOCS / page).read_text(), flags=re.MULTILINE)
    found = {}
    for section in sections:
        for code in re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL):
            heading = section.partition("\n")[0]
            assert heading not in found
            found[heading] = str(code)
    return found
