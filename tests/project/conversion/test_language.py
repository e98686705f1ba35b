"""A notebook from anywhere loads no module and writes nowhere else when it becomes a script."""

from typing import Any

import pytest

from cocalc_jupyter_ext.project.conversion.language import check_language
from cocalc_jupyter_ext.project.conversion.orders import ConversionRefused


def notebook(**language: Any) -> dict[str, Any]:
    return {"metadata": {"language_info": language}}


@pytest.mark.parametrize(
    "content",
    [
        notebook(name="python", file_extension=".py", nbconvert_exporter="python"),
        notebook(name="C++", file_extension=".c++", nbconvert_exporter=""),
        notebook(name="Wolfram Language", file_extension=".m", nbconvert_exporter=None),
        {},
        {"metadata": []},
        "no notebook at all",
    ],
)
def test_real_languages_are_fine(content: Any) -> None:
    check_language(content)


@pytest.mark.parametrize(
    "language",
    [
        {"file_extension": "/../../.bashrc"},
        {"file_extension": "py"},
        {"file_extension": "."},
        {"file_extension": 7},
        {"nbconvert_exporter": "os.system"},
        {"nbconvert_exporter": ["python"]},
        {"name": "a/b"},
        {"name": {"a": 1}},
    ],
)
def test_what_is_no_plain_name_is_refused(language: dict[str, Any]) -> None:
    with pytest.raises(ConversionRefused, match="is not a plain name"):
        check_language(notebook(**language))
