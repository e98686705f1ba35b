"""Flushed text of a real Python kernel: complete, in order, and quick."""

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from cocalc_jupyter_ext.kernels.inside.prompt_output import PromptOutStream

LINES = 2_000


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    manager = KernelManager()
    name = f"{PromptOutStream.__module__}.{PromptOutStream.__name__}"
    manager.start_kernel(extra_arguments=[f"--IPKernelApp.outstream_class={name}"])
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.fixture
def client(kernel: KernelManager) -> Iterator[BlockingKernelClient]:
    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()


def published(client: BlockingKernelClient, source: str) -> list[dict[str, Any]]:
    """Run code; return what it published, its states left out."""
    messages: list[dict[str, Any]] = []
    client.execute_interactive(source, timeout=60, output_hook=messages.append)
    hidden = {"status", "execute_input"}
    return [each for each in messages if each["header"]["msg_type"] not in hidden]


def shown(client: BlockingKernelClient, source: str) -> list[tuple[str, str]]:
    """Run code; return its texts by stream and what else it shows, neighbours joined."""
    joined: list[tuple[str, str]] = []
    for message in published(client, source):
        content = message["content"]
        name = content.get("name") or message["header"]["msg_type"]
        text = content.get("text") or content.get("data", {}).get("text/plain", "")
        if joined and joined[-1][0] == name:
            joined[-1] = (name, joined[-1][1] + text)
        else:
            joined.append((name, text))
    return joined


def test_the_kernel_prints_by_this_stream(client: BlockingKernelClient) -> None:
    code = "import sys; print(type(sys.stdout).__name__, type(sys.stderr).__name__)"

    assert shown(client, code) == [("stdout", "PromptOutStream PromptOutStream\n")]


def test_of_many_flushed_lines_none_is_lost_and_several_share_a_message(
    client: BlockingKernelClient,
) -> None:
    messages = published(client, f"for i in range({LINES}): print(i, flush=True)")

    text = "".join(message["content"]["text"] for message in messages)
    assert text.split() == [str(number) for number in range(LINES)]
    assert len(messages) < LINES / 2


def test_a_few_lines_are_sent_when_each_flush_returns(client: BlockingKernelClient) -> None:
    """Whoever looks for the place of a crash by flushed lines finds it."""
    messages = shown(
        client,
        "import sys\n"
        "from unittest import mock\n"
        "out, seen = sys.stdout, []\n"
        "with mock.patch.object(out.session, 'send', wraps=out.session.send) as send:\n"
        "    for number in range(5):\n"
        "        print(number, flush=True); seen.append(send.call_count)\n"
        "assert seen == [1, 2, 3, 4, 5], seen",
    )

    assert messages == [("stdout", "0\n1\n2\n3\n4\n")]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            "print('a', flush=True); print('b', file=err, flush=True); print('c', flush=True)",
            [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c\n")],
        ),
        (
            "print('a', flush=True); display(1); print('b', flush=True)",
            [("stdout", "a\n"), ("display_data", "1"), ("stdout", "b\n")],
        ),
        (
            "print('a', flush=True); comm.send({}); print('b', flush=True)",
            [("stdout", "a\n"), ("comm_msg", ""), ("stdout", "b\n")],
        ),
        (
            "print('a', flush=True); print('b'); print('c', flush=True)",
            [("stdout", "a\nb\nc\n")],
        ),
    ],
    ids=["two streams", "a display", "a comm", "text that is not flushed"],
)
def test_what_is_flushed_stays_in_the_order_in_which_it_was_written(
    client: BlockingKernelClient, written: str, expected: list[tuple[str, str]]
) -> None:
    rounds = 50
    messages = shown(
        client,
        "from sys import stderr as err\n"
        "from comm import create_comm\n"
        "comm = create_comm(target_name='x')\n"
        "print('begin', flush=True)\n"
        f"for _ in range({rounds}):\n    {written}; comm.send({{}})\n",
    )

    separated = [*expected, ("comm_msg", "")]
    assert messages == [
        ("comm_open", ""),
        ("stdout", "begin\n" + expected[0][1]),
        *separated[1:],
    ] + (separated * (rounds - 1))


def test_threads_flush_at_once_and_lose_nothing(client: BlockingKernelClient) -> None:
    messages = shown(
        client,
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def lines(name):\n"
        "    for i in range(200): print(f'{name}{i}\\n', end='', flush=True)\n"
        "with ThreadPoolExecutor(4) as pool: list(pool.map(lines, 'abcd'))",
    )

    words = "".join(text for _, text in messages).split()
    for name in "abcd":
        own = [word for word in words if word.startswith(name)]
        assert own == [f"{name}{number}" for number in range(200)]


def test_a_forked_process_prints_once_what_it_wrote_itself(client: BlockingKernelClient) -> None:
    messages = shown(
        client,
        "import os\n"
        "for i in range(100): print('parent', flush=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n    print('child', flush=True); os._exit(0)\n"
        "os.waitpid(child, 0); time.sleep(0.2)",
    )

    words = "".join(text for _, text in messages).split()
    assert sorted(words) == ["child"] + ["parent"] * 100


def test_text_that_is_not_flushed_comes_soon_all_the_same(client: BlockingKernelClient) -> None:
    code = "print('soon', end='')\nimport time\ntime.sleep(0.5)\nprint('later')"

    assert [each["content"]["text"] for each in published(client, code)] == ["soon", "later\n"]
