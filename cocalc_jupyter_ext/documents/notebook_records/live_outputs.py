"""Outputs that live beyond their text: questions of running code, and that there is more (pure).

In records they have messages of their own (syncdoc-jupyter §3.5). In the shared types, and so in
files, they are displays of a type of their own, which our page makes a field and a button of. Every
other program shows their text. They are no text of a stream **(differs** from §7.2, whose files
have questions on stdout): JupyterLab joins adjacent text of one stream, and would lose count.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "INPUT_TYPE",
    "MORE_OUTPUT_TYPE",
    "live_output",
    "message_from_live_output",
    "more_output",
    "question",
    "question_in",
]

INPUT_TYPE: Final = "application/vnd.cocalc.input+json"
"""``{prompt, password, value?, id?}``; without a value it waits for an answer."""

MORE_OUTPUT_TYPE: Final = "application/vnd.cocalc.more-output+json"
"""An empty object: the project keeps further output, for as long as it can."""

_MORE_TEXT: Final = (
    "[There is more output than a notebook should hold. The server keeps it until the cell runs "
    "again or the server stops.]"
)
_HIDDEN: Final = "\N{MIDDLE DOT}" * 8

Output = dict[str, Any]


def more_output() -> Output:
    """Return the output that says that there is more."""
    return _display(MORE_OUTPUT_TYPE, {}, _MORE_TEXT)


def question(
    prompt: str, *, password: bool, value: str | None = None, question_id: str | None = None
) -> Output:
    """Return the output of a question; with ``value`` it was answered.

    The value of a password is not for anybody: give the empty text.
    """
    asked: dict[str, Any] = {"prompt": prompt, "password": password}
    if question_id is not None:
        asked["id"] = question_id
    if value is None:
        return _display(INPUT_TYPE, asked, prompt)
    shown = _HIDDEN if password else value
    return _display(INPUT_TYPE, {**asked, "value": value}, f"{prompt}{shown}")


def question_in(output: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a question's output holds, or None for any other output."""
    data = output.get("data")
    asked = data.get(INPUT_TYPE) if isinstance(data, Mapping) else None
    return asked if isinstance(asked, Mapping) else None


def message_from_live_output(output: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the message of such an output, or None for any other output."""
    data = output.get("data")
    if isinstance(data, Mapping) and MORE_OUTPUT_TYPE in data:
        return {"more_output": True}
    asked = question_in(output)
    if asked is None:
        return None
    options = {"prompt": asked.get("prompt", ""), "password": bool(asked.get("password"))}
    message: dict[str, Any] = {"name": "input", "opts": options}
    return {**message, "value": asked["value"]} if "value" in asked else message


def live_output(message: Mapping[str, Any]) -> Output | None:
    """Return the output of such a message, or None for any other message."""
    if message.get("more_output"):
        return more_output()
    if message.get("name") != "input":
        return None
    options = message.get("opts")
    options = options if isinstance(options, Mapping) else {}
    value = message.get("value")
    return question(
        str(options.get("prompt", "")),
        password=bool(options.get("password")),
        value=None if value is None else str(value),
    )


def _display(mime: str, content: dict[str, Any], text: str) -> Output:
    data = {mime: content, "text/plain": text}
    return {"output_type": "display_data", "data": data, "metadata": {}}
