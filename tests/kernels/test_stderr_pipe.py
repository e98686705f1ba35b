"""The standard error of kernels (syncdoc-jupyter §4.5)."""

import subprocess
from pathlib import Path

from cocalc_jupyter_ext.kernels.stderr_pipe import StderrPipe, to_own_stderr


def run(pipe: StderrPipe, script: str) -> None:
    process = subprocess.Popen(["sh", "-c", script], stderr=pipe.writer)
    pipe.close_writer()
    pipe.close_writer()
    process.wait()
    pipe.wait_until_read(10)


def test_what_a_process_writes_is_passed_on_and_its_end_is_kept() -> None:
    passed: list[bytes] = []
    pipe = StderrPipe(passed.append)
    run(pipe, "echo one >&2; echo two >&2")

    assert b"".join(passed) == b"one\ntwo\n"
    assert pipe.text == "one\ntwo\n"


def test_a_flood_costs_neither_memory_nor_the_process_its_time() -> None:
    pipe = StderrPipe(lambda _: None)
    run(pipe, "yes 'a long line of nothing' | head -c 20000000 >&2; echo end >&2")

    assert pipe.text.endswith("end\n")
    assert 4000 <= len(pipe.text) <= 5000


def test_a_character_that_is_cut_by_a_read_stays_whole() -> None:
    pipe = StderrPipe(lambda _: None)
    run(pipe, "printf '\\303' >&2; sleep 0.05; printf '\\244\\377' >&2")

    assert pipe.text == "ä\N{REPLACEMENT CHARACTER}"


def test_passing_on_writes_to_the_stderr_of_this_process(capfd) -> None:
    to_own_stderr(b"words\n")

    assert capfd.readouterr().err == "words\n"


def test_reading_closes_its_end() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        run(StderrPipe(lambda _: None), "echo x >&2")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
