"""Files of records as text with a record on each line (syncdoc-jupyter §1.14, §2.6; SPEC S3)."""

from typing import Any

from pycrdt import Doc, Text

from cocalc_jupyter_ext.documents.bridge.record_lines_face import RecordLinesFace
from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema

SCHEMA = RecordSchema(("id",), frozenset({"text"}))
ONE, TWO = '{"id":1,"text":"one"}', '{"id":2,"text":"two"}'


def shared(text: str) -> Text:
    doc: Doc[Any] = Doc()
    source = doc.get("source", type=Text)
    source += text
    return source


def records(*lines: str) -> Records:
    return Records.from_text(SCHEMA, "\n".join(lines))


def test_the_records_are_those_of_the_lines_however_they_are_written() -> None:
    face = RecordLinesFace(shared(f'{{"text": "one", "id": 1}}\n\n{TWO}\n'), SCHEMA)

    assert face.pull_all(records()) == records(ONE, TWO)


def test_what_was_typed_is_taken_and_an_edit_is_told() -> None:
    source = shared(ONE)
    face = RecordLinesFace(source, SCHEMA)
    told: list[bool] = []
    face.on_edit = lambda: told.append(True)

    source += f"\n{TWO}"

    assert told
    assert face.pull(records(ONE)) == records(ONE, TWO)


def test_nothing_is_taken_while_a_line_is_being_typed() -> None:
    source = shared(ONE)
    face = RecordLinesFace(source, SCHEMA)

    source += '\n{"id":2,"te'
    assert face.pull(records(ONE)) == records(ONE)
    source += 'xt":"two"}'

    assert face.pull(records(ONE)) == records(ONE, TWO)


def test_records_of_others_change_their_lines_only() -> None:
    source = shared(f'half a line\n{{"text": "two", "id": 2}}\n{ONE}\n')
    face = RecordLinesFace(source, SCHEMA)
    changed = '{"id":1,"text":"one!"}'

    face.push(records(ONE, TWO), records(changed, TWO))

    assert str(source).split("\n") == ["half a line", changed, '{"text": "two", "id": 2}', ""]


def test_a_new_record_has_its_place_and_a_deleted_one_is_gone() -> None:
    source = shared(f"{ONE}\n{TWO}")
    face = RecordLinesFace(source, SCHEMA)
    three = '{"id":3,"text":"three"}'

    face.push(records(ONE, TWO), records(TWO, three))

    assert str(source) == f"{TWO}\n{three}"
    assert face.pull(records(TWO, three)) == records(TWO, three)


def test_edits_of_both_sides_are_kept() -> None:
    source = shared(ONE)
    face = RecordLinesFace(source, SCHEMA)

    source += f"\n{TWO}"

    assert face.pull(records('{"id":1,"text":"one!"}')) == records('{"id":1,"text":"one!"}', TWO)


def test_nothing_is_told_after_the_end() -> None:
    source = shared(ONE)
    face = RecordLinesFace(source, SCHEMA)
    told: list[bool] = []
    face.on_edit = lambda: told.append(True)

    face.close()
    face.close()
    source += "\n"

    assert told == []
