"""A kernel that says only what a test makes it say, and its host."""

import asyncio

from cocalc_jupyter_ext.kernels.backlog import IopubMessage
from cocalc_jupyter_ext.kernels.endings import Ending
from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError

__all__ = ["ScriptedHost", "ScriptedKernel"]


class ScriptedHost:
    """One kernel with the id ``k``; its state is set by the test."""

    def __init__(self):
        self.known = True
        self.stopping = False
        self.alive = True
        self.interrupts = []
        self.how_it_ended = Ending(None)

    def exists(self, kernel_id):
        return self.known and kernel_id.startswith("k")

    def is_stopping(self, kernel_id):
        return self.stopping

    async def is_alive(self, kernel_id):
        return self.alive

    async def interrupt(self, kernel_id):
        self.interrupts.append(kernel_id)

    def note_activity(self, kernel_id, status_topic):
        self.activity = (kernel_id, status_topic)

    async def ending(self, kernel_id):
        return self.how_it_ended

    async def connection_info(self, kernel_id):
        raise KernelNotFoundError(kernel_id)


class ScriptedKernel:
    """Opens links to itself; ``opened`` counts them."""

    def __init__(self):
        self.listener = None
        self.requests = []
        self.answers = []
        self.opened = 0
        self.closed = 0
        self.error = None
        self.may_connect = asyncio.Event()
        self.may_connect.set()
        self.status_topic = b"kernel.x.status"
        self._messages = []
        self._executing = asyncio.Condition()

    async def open_link(self, host, kernel_id, listener, **_):
        await self.may_connect.wait()
        if self.error is not None:
            raise self.error
        self.listener = listener
        self.opened += 1
        return self

    def execute(self, source, cell_id):
        self.requests.append(source)
        return f"request-{len(self.requests)}"

    def answer(self, request, value):
        self.answers.append(value)

    def take(self):
        messages, self._messages = self._messages, []
        return messages

    async def close(self):
        self.closed += 1

    def say(self, kind, request=None, **content):
        """Publish a message of the latest (or the given) request."""
        number = len(self.requests) if request is None else request
        self._messages.append(IopubMessage(f"request-{number}", kind, content))
        self.listener.on_messages()

    def print(self, text):
        self.say("stream", name="stdout", text=text)

    def idle(self):
        self.say("status", execution_state="idle")

    def reply(self, status="ok", request=None, **content):
        number = len(self.requests) if request is None else request
        message = {
            "parent_header": {"msg_id": f"request-{number}"},
            "content": {"status": status, "execution_count": number, **content},
        }
        self.listener.on_reply(message)

    def ask(self, prompt, *, password=False):
        message = {
            "parent_header": {"msg_id": f"request-{len(self.requests)}"},
            "content": {"prompt": prompt, "password": password},
        }
        self.listener.on_input_request(message)
