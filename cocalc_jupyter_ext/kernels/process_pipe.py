"""The standard output or error of a kernel's process: its beginning is passed on, its end kept.

It goes to the log of the server, as it would without the pipe, but only the first megabyte: what a
kernel writes without end would fill the disk. The last words are told when the kernel ends
(syncdoc-jupyter §4.5).

A thread reads it, since a kernel that floods it must neither wait for the event loop nor make it
wait. Memory is bounded by ``Tail``. The thread ends when the kernel and everything it started
have closed their ends.
"""

import codecs
import logging
import os
import threading
from collections.abc import Callable
from typing import Final

from .endings import Tail

__all__ = ["ProcessPipe", "to_own_stderr", "to_own_stdout"]

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 65_536
MAX_PASSED_BYTES: Final = 1_000_000
"""Of one process; a log that is written without end would fill the disk."""


class ProcessPipe:
    """A pipe whose writing end, ``writer``, is given to one process, as its stream of this name."""

    def __init__(self, name: str, pass_on: Callable[[bytes], object]) -> None:
        self._name = name
        self._pass_on = pass_on
        self._reader, self.writer = os.pipe()
        self._writer_open = True
        self._lock = threading.Lock()
        self._tail = Tail()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._thread = threading.Thread(target=self._run, name=f"kernel {name}", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """The end of what was written."""
        with self._lock:
            return str(self._tail)

    def close_writer(self) -> None:
        """Close our copy of the writing end, once the process has its own; idempotent."""
        if self._writer_open:
            self._writer_open = False
            os.close(self.writer)

    def wait_until_read(self, timeout_s: float) -> None:
        """Wait until the process's last words are read, as long as nobody else holds the pipe."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        passed, is_told = 0, False
        try:
            while chunk := os.read(self._reader, _CHUNK_BYTES):
                with self._lock:
                    self._tail.add(self._decode.decode(chunk))
                if passed < MAX_PASSED_BYTES:
                    self._pass_on(chunk)
                elif not is_told:
                    is_told = True
                    _log.warning(
                        "A kernel's process writes much to %s; the rest is dropped", self._name
                    )
                passed += len(chunk)
        except OSError:
            _log.exception("The %s of a kernel cannot be read any more", self._name)
        finally:
            os.close(self._reader)


def to_own_stdout(chunk: bytes) -> None:
    """Write to this process's stdout, where it would be without the pipe."""
    _write(1, chunk)


def to_own_stderr(chunk: bytes) -> None:
    """Write to this process's stderr, where it would be without the pipe."""
    _write(2, chunk)


def _write(descriptor: int, chunk: bytes) -> None:
    try:
        os.write(descriptor, chunk)
    except OSError as error:
        _log.debug("What the process of a kernel wrote cannot be passed on: %s", error)
