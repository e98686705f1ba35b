"""The standard error of a kernel: passed on, and its end remembered (syncdoc-jupyter §4.5).

A thread reads it, since a kernel that floods it must neither wait for the event loop nor make it
wait. Memory is bounded by ``Tail``. The thread ends when the kernel and everything it started
have closed their ends.
"""

import codecs
import logging
import os
import threading
from collections.abc import Callable

from .endings import Tail

__all__ = ["StderrPipe", "to_own_stderr"]

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 65_536


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
        try:
            while chunk := os.read(self._reader, _CHUNK_BYTES):
                with self._lock:
                    self._tail.add(self._decode.decode(chunk))
                self._pass_on(chunk)
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
