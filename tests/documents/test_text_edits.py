from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Text

from cocalc_jupyter_ext.documents.text_edits import edit_text, encodable, replace_text

# Characters of one to four UTF-8 bytes, combining ones, and repeats.
texts = st.text(alphabet="aab é\u0301ü€😀👍🏽\n", max_size=30)


def shared(value: str) -> tuple[Doc[Text], Text]:
    doc: Doc[Text] = Doc()
    text = doc.get("t", type=Text)
    text += value
    return doc, text


@given(before=texts, after=texts)
def test_the_text_becomes_what_is_wanted(before: str, after: str) -> None:
    _, text = shared(before)

    assert replace_text(text, after) is (before != after)
    assert str(text) == after


def test_what_both_share_is_not_touched() -> None:
    doc, text = shared("😀 one two 😀")
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))

    with doc.transaction():
        replace_text(text, "😀 one 2 two 😀")

    assert len(updates) == 1
    assert b"two" not in updates[0]


def test_an_equal_text_is_no_change() -> None:
    doc, text = shared("same")
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))

    replace_text(text, "same")

    assert updates == []


def test_half_a_character_is_replaced_since_no_shared_text_can_hold_it() -> None:
    assert encodable("a\ud83cb") == "a\ufffdb"
    assert encodable("a🐍") == "a🐍"


@given(st.text(max_size=40), st.text(max_size=40))
def test_small_edits_lead_to_the_wanted_text(old: str, new: str) -> None:
    doc, text = shared(old)

    with doc.transaction():
        changed = edit_text(text, new)

    assert str(text) == new
    assert changed == (old != new)


@given(before=texts, after=texts)
def test_exact_edits_lead_to_what_is_wanted(before: str, after: str) -> None:
    _, text = shared(before)

    assert edit_text(text, after, is_exact=True) is (before != after)
    assert str(text) == after


def test_an_exact_edit_does_not_bring_back_what_somebody_erases_at_the_same_time() -> None:
    doc, text = shared("a|b")
    other: Doc[Text] = Doc()
    other_text = other.get("t", type=Text)
    other.apply_update(doc.get_update())

    with doc.transaction():
        edit_text(text, "axyz|uvwb", is_exact=True)
    del other_text[1:2]
    doc.apply_update(other.get_update())

    assert str(text) == "axyzuvwb"
