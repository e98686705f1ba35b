"""Options that several subcommands share."""

import argparse

import pytest

from cocalc_jupyter_ext.conat.commands.command_line import count, header, seconds


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "", "²"])
def test_a_count_is_a_whole_number_above_0(text: str) -> None:
    assert count("12") == 12
    with pytest.raises(argparse.ArgumentTypeError):
        count(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e9", "x", ""])
def test_a_time_is_above_0_and_can_be_waited_for(text: str) -> None:
    assert seconds("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)


@pytest.mark.parametrize("text", ["", "a", "=b"])
def test_a_header_has_a_key_and_a_value(text: str) -> None:
    assert header("a=b=c") == ("a", "b=c")
    assert header("a=") == ("a", "")
    with pytest.raises(argparse.ArgumentTypeError):
        header(text)
