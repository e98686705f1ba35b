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


def display(text, kind="display_data"):
    return IopubMessage("p", kind, {"data": {"text/plain": text}})


def test_displays_beyond_the_bound_go_the_oldest_first_and_a_line_says_how_many():
    backlog = Backlog(max_bytes=10_000)
    for number in range(1000):
        backlog.add(display(str(number)), 1000)
    gap, *rest = backlog.take()

    assert gap.content["name"] == "stderr"
    assert gap.content["text"].startswith(f"[{1000 - len(rest)} outputs are not shown: the kernel")
    assert [each.content["data"]["text/plain"] for each in rest] == [
        str(number) for number in range(1000 - len(rest), 1000)
    ]
    assert 3 <= len(rest) <= 10


def test_what_is_no_output_is_never_left_out():
    backlog = Backlog(max_bytes=10_000)
    for number in range(1000):
        backlog.add(display(str(number)), 1000)
        backlog.add(status(str(number)), 100)
    kinds = [message.kind for message in backlog.take()]

    assert kinds.count("status") == 1000
    assert kinds[-1] == "status"
    assert backlog.size_bytes == 0


def test_a_backlog_that_is_full_of_what_may_not_go_says_so():
    backlog = Backlog(max_bytes=1_000)
    assert not backlog.is_full
    for number in range(10):
        backlog.add(status(str(number)), 100)
    assert backlog.is_full


def test_updates_of_a_display_that_are_replaced_anyway_go_without_a_word():
    backlog = Backlog(max_bytes=10_000)
    for number in range(1000):
        backlog.add(display(str(number), "update_display_data"), 1000)
    messages = backlog.take()

    assert {message.kind for message in messages} == {"update_display_data"}
    assert messages[-1].content["data"]["text/plain"] == "999"


def test_two_streams_that_take_turns_without_end_are_bounded_too():
    backlog = Backlog(max_bytes=100_000)
    for _ in range(5_000):
        backlog.add(text("p", "stdout", "o"), 300)
        backlog.add(text("p", "stderr", "e"), 300)

    assert len(backlog) < 300


def test_a_message_is_read_when_it_is_taken_and_only_then():
    read = []

    def reader(number):
        def message():
            read.append(number)
            return display(str(number)) if number != 998 else None

        return message

    backlog = Backlog(max_bytes=10_000)
    for number in range(1000):
        backlog.add_unread("p", "display_data", 1000, reader(number))
    assert read == []
    messages = backlog.take()

    assert read == list(range(1000 - len(messages), 1000))
    assert [each.content["data"]["text/plain"] for each in messages[-2:]] == ["997", "999"]
