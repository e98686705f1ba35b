"""What is sent: text, JSON or bytes, from the command line, a file or standard input."""

import argparse
import io
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.commands.command_line import UsageError, payload_options
from cocalc_jupyter_ext.conat.commands.payload import Payload, read_payload
from cocalc_jupyter_ext.conat.errors import CodecError
from cocalc_jupyter_ext.conat.protocol.codec import Encoding, decode


def payload(*arguments: str, stdin: bytes = b"") -> Payload:
    parser = argparse.ArgumentParser()
    payload_options(parser)
    return read_payload(parser.parse_args(arguments), io.BytesIO(stdin))


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ((), None),
        (("",), ""),
        (("hello",), "hello"),
        (("7",), "7"),
        (("7", "--type=json"), 7),
        (('{"a": [1, null]}', "--type=json"), {"a": [1, None]}),
        (("hi", "--type=bytes"), b"hi"),
    ],
)
def test_a_value_is_text_unless_its_type_is_said(arguments: tuple[str, ...], value: object) -> None:
    assert decode(payload(*arguments).raw) == value


def test_values_come_from_files_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00\xff")

    assert decode(payload("--data", str(tmp_path / "file"), "--type=bytes").raw) == b"\x00\xff"
    assert decode(payload("--data", "-", stdin="žluť".encode()).raw) == "žluť"
    assert decode(payload("--data=-", "--type=json", stdin=b"[1]").raw) == [1]


def test_the_encoding_is_chosen_apart_from_the_type() -> None:
    sent = payload("hello", "--encoding=json", "--header=a=b", "--header=c=")

    assert sent == Payload(b'"hello"', Encoding.JSON, {"a": "b", "c": ""})
    assert payload("hello").headers is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{", "--type=json"), "not valid JSON"),
        (("--data=-", "--type=json"), "not valid JSON"),
        (("--data=-",), "use --type bytes"),
        (("x", "--type=bytes", "--encoding=json"), "binary"),
    ],
)
def test_what_is_not_of_the_type_is_refused(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CodecError, match=said):
        payload(*arguments, stdin=b"\xff")


def test_one_value_has_one_source() -> None:
    with pytest.raises(UsageError, match="not both"):
        payload("x", "--data=-")
