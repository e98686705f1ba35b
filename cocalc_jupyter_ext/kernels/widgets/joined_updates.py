"""Many updates of one model as one, for pages (pure).

A loop that moves a progress bar makes thousands of updates; a page needs the last one. Updates
are joined only where nobody can tell: same model, same kind, same request, without binary parts,
and with nothing between them but other updates. Widgets of other packages than ipywidgets may use
a field as a channel (plotly sets commands and takes them back at once), so theirs are all told.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from .comm_messages import ECHO_UPDATE, UPDATE, CommMessage

__all__ = ["join_updates"]


def join_updates(
    messages: Iterable[CommMessage], may_skip: Callable[[str], bool]
) -> list[CommMessage]:
    """Return messages with the same effect, in the same order.

    ``may_skip`` tells whether only the last value of a model's fields counts.
    """
    joined: list[CommMessage] = []
    last_of: dict[str, int] = {}
    for message in messages:
        if not _is_plain_update(message) or not may_skip(message.comm_id):
            last_of = {}
            joined.append(message)
            continue
        index = last_of.get(message.comm_id)
        if index is not None and _belong_together(joined[index], message):
            joined[index] = _joined(joined[index], message)
        else:
            last_of[message.comm_id] = len(joined)
            joined.append(message)
    return joined


def _is_plain_update(message: CommMessage) -> bool:
    return (
        message.kind == "comm_msg"
        and message.method in {UPDATE, ECHO_UPDATE}
        and not message.buffers
        and not message.data.get("buffer_paths")
    )


def _belong_together(first: CommMessage, second: CommMessage) -> bool:
    return first.method == second.method and first.parent_id == second.parent_id


def _joined(first: CommMessage, second: CommMessage) -> CommMessage:
    data = {**second.data, "state": {**first.state, **second.state}}
    return replace(second, content={**second.content, "data": data})
