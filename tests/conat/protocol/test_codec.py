"""conat-core §5 and §1.5; SPEC C1 to C4. The bytes are those of ``@msgpack/msgpack``."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.errors import CodecError
from cocalc_jupyter_ext.conat.protocol.codec import (
    MAX_DEPTH,
    UNDEFINED,
    Encoding,
    decode,
    depth_exceeds,
    encode,
    from_json,
    quoted,
    to_json,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at_ms(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (None, "c0"),
        (UNDEFINED, "c0"),
        ([UNDEFINED], "91c0"),
        ({"a": UNDEFINED, "keep": 1}, "81a46b65657001"),
        (True, "c3"),
        (False, "c2"),
        (0, "00"),
        (-0.0, "00"),
        (1.0, "01"),
        (127, "7f"),
        (128, "cc80"),
        (-1, "ff"),
        (-129, "d1ff7f"),
        (2**31, "ce80000000"),
        (2**32, "cf0000000100000000"),
        (-(2**31) - 1, "d3ffffffff7fffffff"),
        (2**53 - 1, "cf001fffffffffffff"),
        (2**53, "cb4340000000000000"),
        (-(2**53), "cbc340000000000000"),
        (3.25, "cb400a000000000000"),
        (math.nan, "cb7ff8000000000000"),
        (-math.nan, "cb7ff8000000000000"),
        (math.inf, "cb7ff0000000000000"),
        ("hello", "a568656c6c6f"),
        ("x" * 32, "d920" + "78" * 32),
        (b"\x00\x01", "c4020001"),
        (bytearray(b"\x00"), "c40100"),
        (memoryview(b"\x07"), "c40107"),
        ([1, "x"], "9201a178"),
        ((1, 2), "920102"),
        ({"b": 1, "a": 2}, "82a16201a16102"),
        ({"b": 1, 10: 2, 9: 3}, "83a13903a2313002a16201"),
        ({"4294967295": 1, "01": 2, "1": 3}, "83a13103aa3432393439363732393501a2303102"),
        (at_ms(1_700_000_000_000), "d6ff6553f100"),
        (at_ms(1_700_000_000_123), "d7ff1d5353006553f100"),
        (at_ms(-1), "c70cff3b8b87c0ffffffffffffffff"),
    ],
)
def test_bytes_of_values(value: object, wire: str) -> None:
    assert encode(value).hex() == wire


@pytest.mark.parametrize(("value", "size"), [("hello", 6), ("more", 5), ("hi", 3)])
def test_lengths_that_publishers_are_told(value: str, size: int) -> None:
    assert len(encode(value)) == size


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "type object"),
        ({1.5: 1}, "neither a string"),
        ({True: 1}, "neither a string"),
        (datetime(2020, 1, 1), "time zone"),  # noqa: DTZ001 - the point of the case
        (10**400, "too large"),
        ("\ud800", "MessagePack"),
    ],
)
def test_what_javascript_could_not_have_sent_is_refused(value: object, reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        encode(value)


def test_nesting_is_limited_to_100_levels() -> None:
    nested: list[object] = []
    for _ in range(99):
        nested = [nested]
    encode(nested)

    with pytest.raises(CodecError, match="100 levels"):
        encode([nested])


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("d7ff1d5353006553f100", at_ms(1_700_000_000_123)),
        ("c70cff3b8b87c0ffffffffffffffff", at_ms(-1)),
        ("c4020001", b"\x00\x01"),
        ("8107c0", {"7": None}),
        ("81cb3ff0000000000000c0", {"1": None}),
    ],
)
def test_decoding(wire: str, value: object) -> None:
    assert decode(bytes.fromhex(wire)) == value


@pytest.mark.parametrize(
    "wire",
    ["", "92", "c0c0", "81c001", "81c301", "81c4010101", "81a95f5f70726f746f5f5f01", "a1ff", "c1"],
)
def test_bytes_that_are_no_value_are_refused(wire: str) -> None:
    with pytest.raises(CodecError):
        decode(bytes.fromhex(wire))


def test_json_is_written_as_javascript_writes_it() -> None:
    value = {
        "a": [1.0, 2.5, math.nan, None, UNDEFINED],
        "gone": UNDEFINED,
        "date": EPOCH.astimezone(timezone(timedelta(hours=2))),
        "text": 'ž"\n',
    }

    assert to_json(value) == (
        '{"a":[1,2.5,null,null,null],"date":"1970-01-01T00:00:00.000Z","text":"ž\\"\\n"}'
    )


def test_lone_surrogates_are_escaped() -> None:
    assert to_json("ž\ud800") == '"ž\\ud800"'
    assert from_json('"\\ud800"') == "\ud800"


def test_json_holds_no_binary() -> None:
    with pytest.raises(CodecError, match="use MessagePack"):
        encode({"a": b"x"}, Encoding.JSON)


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "1 2", "[" * 100_000])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(CodecError, match="not valid JSON"):
        decode(text.encode(), Encoding.JSON)


@pytest.mark.parametrize("call", [lambda: encode(1, 2), lambda: decode(b"\x01", 2)])
def test_other_encodings_are_unknown(call: object) -> None:
    with pytest.raises(CodecError, match="unknown encoding 2"):
        call()  # type: ignore[operator]  # both are functions


def test_depth_is_counted_through_objects_and_arrays() -> None:
    assert not depth_exceeds({"a": [1]}, 2)
    assert depth_exceeds({"a": [1]}, 1)
    assert not depth_exceeds("text", 0)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, width=64).filter(lambda number: not number.is_integer())
    | st.text()
    | st.binary()
    | st.integers(-8_000_000_000_000, 16_000_000_000_000).map(at_ms)
)
keys = st.text().filter(lambda key: key != "__proto__")
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=20
)


@given(values)
def test_msgpack_gives_back_what_was_encoded(value: object) -> None:
    assert decode(encode(value)) == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_json_gives_back_what_was_encoded(value: object) -> None:
    assert decode(encode(value, Encoding.JSON), Encoding.JSON) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    for encoding in Encoding:
        try:
            decode(raw, encoding)
        except CodecError:
            continue


class Mirror(dict[str, object]):
    """Looks like an object, and is written by the slower way that knows all rules."""


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just({}),
        max_size=5,
    )
)
def test_plain_values_are_written_as_if_all_rules_were_applied(value: dict[str, object]) -> None:
    assert to_json(value) == to_json(Mirror(value))
    assert to_json([value]) == to_json([Mirror(value)])


@given(
    st.dictionaries(
        st.text("01:a_", max_size=2),
        st.recursive(
            st.none() | st.integers(-(2**64), 2**64) | st.floats() | st.binary() | st.text("aä"),
            lambda values: st.lists(values) | st.dictionaries(st.text("09:a", max_size=2), values),
        ),
        max_size=5,
    )
)
def test_plain_values_are_packed_as_if_all_rules_were_applied(value: dict[str, object]) -> None:
    assert encode(value) == encode(Mirror(value))
    assert encode([value]) == encode([Mirror(value)])


def test_plain_values_may_be_nested_as_deeply_as_others() -> None:
    value: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(CodecError):
        encode([value])


@pytest.mark.parametrize("raw", [b"\x81\x90\x01", b"\x81\xc0\x01", b"\x81\xa9__proto__\x01"])
def test_maps_with_other_keys_than_texts_and_numbers_are_refused(raw: bytes) -> None:
    with pytest.raises(CodecError):
        decode(raw)


def test_numbers_are_read_as_keys_wherever_they_stand() -> None:
    raw = msgpack.packb({"a": [{1: {"b": 2}}], 2.0: 3, "2": 4, "c": {"d": {}}})

    assert decode(raw) == {"a": [{"1": {"b": 2}}], "2": 4, "c": {"d": {}}}


@pytest.mark.parametrize("key", [b"a", True, None, "__proto__"])
def test_a_key_that_no_object_has_is_refused_wherever_it_stands(key: object) -> None:
    for value in ({"a": {key: 1}}, [{"a": 1}, {key: {}}], {1: {key: 1}}):
        with pytest.raises(CodecError):
            decode(msgpack.packb(value))


def test_strings_that_are_remembered_are_written_alike() -> None:
    for text in ("a", "a", '"', "\ud800", "x" * 1_000):
        assert quoted(text) == to_json(text)


@pytest.mark.parametrize("text", [" 1", "[1] ", "\n{}", "1", "null", '"a"', "[]"])
def test_json_may_have_white_space_around_it(text: str) -> None:
    assert from_json(text) == json.loads(text)


@pytest.mark.parametrize("text", ["[1] 2", "[1", "{", "[1],", "[NaN]"])
def test_json_with_something_behind_it_is_refused(text: str) -> None:
    with pytest.raises(CodecError):
        from_json(text)
