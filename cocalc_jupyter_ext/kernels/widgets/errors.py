"""What can go wrong with widgets, in words for the person who uses them."""

from ..errors import KernelsError

__all__ = ["BufferNotFoundError", "ModelNotFoundError", "WidgetError", "WidgetMessageError"]


class WidgetError(KernelsError):
    """Root of the errors about widgets."""


class ModelNotFoundError(WidgetError):
    """The kernel has no widget with this id."""

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id[:100]
        super().__init__(self.model_id)

    def __str__(self) -> str:
        return (
            f'The kernel has no widget "{self.model_id}": it was closed, or the kernel was '
            "restarted. Run the cell that makes it again."
        )


class BufferNotFoundError(WidgetError):
    """A widget has no such binary part."""

    def __init__(self, model_id: str, path: str) -> None:
        self.model_id = model_id[:100]
        self.path = path[:200]
        super().__init__(self.model_id, self.path)

    def __str__(self) -> str:
        return (
            f'The widget "{self.model_id}" has no binary data at {self.path}; it may have '
            "changed meanwhile. Read its buffers record again."
        )


class WidgetMessageError(WidgetError):
    """A message for a widget is none."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)

    def __str__(self) -> str:
        return f"The message for the widget was not sent: {self.why}."
