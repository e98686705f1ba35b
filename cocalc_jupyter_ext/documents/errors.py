"""What can go wrong with documents; each error carries the data of its sentence.

``DocumentError``
    ``UnknownDocumentError``      no file belongs to this id
    ``InvalidRoomIdError``        not of the form format:type:file id
    ``FileMissingError``          there is no file at the path
    ``FileUnreadableError``       there is one, but it is not such a document
    ``FileTooLargeError``         it is larger than what can be shared
    ``FileWriteError``            the file could not be written
    ``DocumentBusyError``         another server process has the document open
    ``DocumentClosedError``       the document was closed meanwhile
    ``LogWriteError``             updates cannot be made durable
    ``LogBusyError``              more updates come than can be made durable
``MalformedFrameError``           a peer sent bytes that are not of the protocol
"""

__all__ = [
    "DocumentBusyError",
    "DocumentClosedError",
    "DocumentError",
    "FileMissingError",
    "FileTooLargeError",
    "FileUnreadableError",
    "FileWriteError",
    "InvalidRoomIdError",
    "LogBusyError",
    "LogWriteError",
    "MalformedFrameError",
    "UnknownDocumentError",
]


class DocumentError(Exception):
    """A document cannot be opened, changed or saved."""


class UnknownDocumentError(DocumentError):
    """No file belongs to this id."""

    def __init__(self, room_id: str) -> None:
        super().__init__(room_id)
        self.room_id = room_id

    def __str__(self) -> str:
        return f"no file is known for {self.room_id}; open the document again from its path"


class InvalidRoomIdError(DocumentError, ValueError):
    """The text is not a room id."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"{self.text!r} is not a room id of the form format:type:fileId"


class FileMissingError(DocumentError):
    """There is no file at the path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: there is no such file"


class FileUnreadableError(DocumentError):
    """The file exists but does not hold such a document; ``problem`` says why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class FileTooLargeError(FileUnreadableError):
    """The file is larger than what can be shared; sizes in bytes."""

    def __init__(self, path: str, size: int, limit: int) -> None:
        super().__init__(
            path,
            f"{size / 1e6:.0f} MB are too large to edit together (limit: {limit / 1e6:.0f} MB)",
        )
        self.size = size
        self.limit = limit


class FileWriteError(DocumentError):
    """The file could not be written; ``problem`` says why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path} was not saved: {self.problem}"


class DocumentBusyError(DocumentError):
    """Another server process has the document open."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} is open in another Jupyter server of yours; stop that one first"


class DocumentClosedError(DocumentError):
    """The document was closed meanwhile."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} was closed; open it again"


class LogWriteError(DocumentError):
    """Updates cannot be made durable; ``problem`` says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"changes cannot be stored ({self.problem}); free some disk space"


class LogBusyError(DocumentError):
    """More updates come than can be made durable."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"changes of {self.path} come faster than they can be stored; try again"


class MalformedFrameError(Exception):
    """A peer sent bytes that are not of the protocol."""
