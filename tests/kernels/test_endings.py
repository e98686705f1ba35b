"""How kernels end, in words (syncdoc-jupyter §4.5)."""

import pytest

from cocalc_jupyter_ext.kernels.endings import Ending, Tail


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "The kernel ended with exit code 0."),
        (3, "The kernel ended with exit code 3."),
        (-9, "The kernel was ended by the signal SIGKILL (exit code 137)."),
        (-64, "The kernel was ended by the signal SIGRTMAX (exit code 192)."),
        (-99, "The kernel was ended by the signal 99 (exit code 227)."),
        (None, "The kernel ended, nobody knows how."),
    ],
)
def test_the_exit_code_or_the_signal_is_named(code: int | None, words: str) -> None:
    assert str(Ending(code)) == words


def test_the_last_part_of_stderr_comes_along() -> None:
    assert str(Ending(1, "\nImportError: x\n")) == (
        "The kernel ended with exit code 1.\n\nImportError: x"
    )


def test_what_every_python_kernel_says_at_its_start_is_no_reason_for_its_end() -> None:
    warning = "[IPKernelApp] WARNING | Kernel is running over TCP without encryption. Beware.\n"

    assert str(Ending(1, warning)) == "The kernel ended with exit code 1."
    assert str(Ending(1, f"{warning}Killed\n")) == "The kernel ended with exit code 1.\n\nKilled"


def test_between_4000_and_5000_characters_are_kept() -> None:
    tail, written = Tail(), ""
    for number in range(20_000):
        tail.add(f"{number}\n")
        written += f"{number}\n"
        assert written.endswith(str(tail))
        assert min(len(written), 4000) <= len(str(tail)) <= 5000


def test_one_long_text_is_cut_too() -> None:
    tail = Tail()
    tail.add("x" * 100_000 + "end")

    assert str(tail) == "x" * 3997 + "end"
