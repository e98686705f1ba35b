"""What the processes of kernels write past the kernel (syncdoc-jupyter §4.5)."""

import subprocess
from pathlib import Path

from cocalc_jupyter_ext.kernels.process_pipe import (
    MAX_PASSED_BYTES,
    ProcessPipe,
    to_own_stderr,
    to_own_stdout,
)


def run(pipe: ProcessPipe, script: str) -> None:
    process = subprocess.Popen(["sh", "-c", script], stderr=pipe.writer)
    pipe.close_writer()
    pipe.close_writer()
    process.wait()
    pipe.wait_until_read(10)


def test_what_a_process_writes_is_passed_on_and_its_end_is_kept() -> None:
    passed: list[bytes] = []
    pipe = ProcessPipe("stderr", passed.append)
    run(pipe, "echo one >&2; echo two >&2")

    assert b"".join(passed) == b"one\ntwo\n"
    assert pipe.text == "one\ntwo\n"


def test_a_flood_costs_neither_memory_nor_the_process_its_time() -> None:
    pipe = ProcessPipe("stderr", lambda _: None)
    run(pipe, "yes 'a long line of nothing' | head -c 20000000 >&2; echo end >&2")

    assert pipe.text.endswith("end\n")
    assert 4000 <= len(pipe.text) <= 5000


def test_a_character_that_is_cut_by_a_read_stays_whole() -> None:
    pipe = ProcessPipe("stderr", lambda _: None)
    run(pipe, "printf '\\303' >&2; sleep 0.05; printf '\\244\\377' >&2")

    assert pipe.text == "ä\N{REPLACEMENT CHARACTER}"


def test_the_log_that_it_is_passed_on_to_is_not_filled(caplog) -> None:
    passed: list[bytes] = []
    pipe = ProcessPipe("stderr", passed.append)
    run(pipe, "yes 'a long line of nothing' | head -c 5000000 >&2")

    assert MAX_PASSED_BYTES <= sum(map(len, passed)) < 1.1 * MAX_PASSED_BYTES
    assert caplog.text.count("writes much to stderr") == 1


def test_passing_on_writes_to_the_same_stream_of_this_process(capfd) -> None:
    to_own_stderr(b"words\n")
    to_own_stdout(b"more\n")

    assert capfd.readouterr() == ("more\n", "words\n")


def test_reading_closes_its_end() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        run(ProcessPipe("stderr", lambda _: None), "echo x >&2")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
