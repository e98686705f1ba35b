from hypothesis import given, settings
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.backlog import Backlog, IopubMessage


def text(parent, name, content):
    return IopubMessage(parent, "stream", {"name": name, "text": content})


def status(parent):
    return IopubMessage(parent, "status", {"execution_state": "idle"})


MESSAGES = st.lists(
    st.one_of(
        st.builds(text, st.sampled_from("pq"), st.sampled_from(["out", "err"]), st.text("ab")),
        st.builds(status, st.sampled_from("pq")),
    )
)


def unmerged(messages):
    """One entry per character or other message, which joining text must not change."""
    for message in messages:
        if message.kind == "stream":
            for char in message.content["text"]:
                yield message.parent_id, message.content["name"], char
        else:
            yield message.parent_id, message.kind, ""


@settings(deadline=None)
@given(MESSAGES)
def test_nothing_is_lost_or_reordered(messages):
    backlog = Backlog()
    for message in messages:
        backlog.add(message, 1)
    assert list(unmerged(backlog.take())) == list(unmerged(messages))


def test_adjacent_text_of_one_stream_and_request_is_one_message():
    backlog = Backlog()
    for number in range(10_000):
        backlog.add(text("p", "stdout", f"{number}\n"), 500)
    (message,) = backlog.take()
    assert message.content["text"] == "".join(f"{n}\n" for n in range(10_000))


def test_text_of_another_stream_or_request_stays_apart():
    backlog = Backlog()
    for message in (text("p", "o", "1"), text("p", "e", "2"), text("q", "e", "3")):
        backlog.add(message, 1)
    assert len(backlog.take()) == 3


def test_text_can_be_left_as_the_kernel_sent_it():
    backlog = Backlog(joins_text=False)
    for message in (text("p", "o", "1"), text("p", "o", "2")):
        backlog.add(message, 100)
    assert backlog.size_bytes == 200
    assert [message.content["text"] for message in backlog.take()] == ["1", "2"]


def test_taking_empties_it():
    backlog = Backlog()
    backlog.add(status("p"), 100)
    assert (len(backlog), backlog.size_bytes) == (1, 100)
    backlog.take()
    assert (len(backlog), backlog.size_bytes) == (0, 0)
    assert backlog.take() == []


def test_text_without_end_keeps_head_and_tail_in_bounded_memory():
    backlog = Backlog(max_text_chars=100)
    for number in range(1000):
        backlog.add(text("p", "stdout", f"{number:09}\n"), 10)
    (message,) = backlog.take()
    shown = message.content["text"]
    assert shown.startswith("000000000\n")
    assert shown.endswith("000000999\n")
    assert "characters are not shown.]" in shown
    assert len(shown) < 400
