"""A shared text and its value (SPEC B3, B4)."""

from pycrdt import Doc, Text, TransactionEvent

from cocalc_jupyter_ext.documents.bridge.text_face import TextFace


def test_what_is_typed_is_pulled_and_what_is_pushed_is_a_small_edit() -> None:
    doc: Doc[Text] = Doc()
    doc["source"] = text = Text("hello\n" * 1000)
    updates: list[bytes] = []
    face = TextFace(text)
    value = face.pull_all("")
    text.insert(0, "x")
    value = face.pull(value)
    assert value == str(text)

    def note(event: TransactionEvent) -> None:
        updates.append(event.update)

    subscription = doc.observe(note)
    with doc.transaction():
        face.push(value, f"{value}y")

    assert str(text) == f"{value}y"
    assert len(updates[0]) < 40
    assert face.pull(f"{value}y") == f"{value}y"
    doc.unobserve(subscription)
    face.close()
    face.close()
