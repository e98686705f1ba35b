"""The standard error of a kernel: its beginning is passed on, its end kept (syncdoc-jupyter §4.5).

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

__all__ = ["StderrPipe", "to_own_stderr"]

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 65_536
MAX_PASSED_BYTES: Final = 1_000_000
"""Of one process; a log that is written without end would fill the disk."""


class StderrPipe:
    """A pipe whose writing end, ``writer``, is given to one process."""

    def __init__(self, pass_on: Callable[[bytes], object]) -> None:
        self._pass_on = pass_on
        self._reader, self.writer = os.pipe()
        self._writer_open = True
        self._lock = threading.Lock()
        self._tail = Tail()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._thread = threading.Thread(target=self._run, name="kernel stderr", daemon=True)
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
        passed = 0
        try:
            while chunk := os.read(self._reader, _CHUNK_BYTES):
                with self._lock:
                    self._tail.add(self._decode.decode(chunk))
                if passed < MAX_PASSED_BYTES:
                    self._pass_on(chunk)
                elif passed - len(chunk) < MAX_PASSED_BYTES:
                    _log.warning("A kernel writes much to stderr; the rest is not passed on")
                passed += len(chunk)
        except OSError:
            _log.exception("The standard error of a kernel cannot be read any more")
        finally:
            os.close(self._reader)


def to_own_stderr(chunk: bytes) -> None:
    """Write to this process's stderr, where it would be without the pipe."""
    try:
        os.write(2, chunk)
    except OSError as error:
        _log.debug("What a kernel wrote to stderr cannot be passed on: %s", error)
