"""hub-project-api §3.1."""

import pytest

from cocalc_jupyter_ext.documents.errors import FileWriteError
from cocalc_jupyter_ext.kernels.errors import KernelSpecNotFoundError
from cocalc_jupyter_ext.project.dispatch import ApiError, Dispatcher


async def add(first: int, second: int = 10) -> object:
    return first + second


async def total(*numbers: int) -> object:
    return sum(numbers)


async def answer() -> object:
    return 42


async def fail() -> object:
    raise TypeError("a mistake of the function itself")


DISPATCH = Dispatcher(
    {"math.add": add, "math.sum": total, "math.answer": answer, "math.fail": fail},
    frozenset({"math.divide"}),
)


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        ({"name": "math.add", "args": [1, 2]}, 3),
        ({"name": "math.add", "args": [1]}, 11),
        ({"name": "math.add", "args": [1, 2, 3]}, 3),
        ({"name": "math.answer", "args": [{}]}, 42),
        ({"name": "math.sum", "args": [1, 2, 3]}, 6),
        ({"name": "ping"}, "pong"),
        ({"name": "ping", "args": None}, "pong"),
        ("ping", "pong"),
    ],
)
async def test_a_call_by_name(request_: object, result: object) -> None:
    """What is more than a function takes is ignored: the official client sends ``{}`` (§8.1)."""
    assert await DISPATCH(request_) == result


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"name": "math.nothing"}, "unknown function 'math.nothing'"),
        ({"name": "x" * 1_000}, "unknown function 'x{100}'$"),
        ({"name": "math.divide"}, "'math.divide' is not supported by this server"),
        ({"name": "math.add"}, "math.add: missing a required argument: 'first'"),
        ({"name": "math.add", "args": {"first": 1}}, "must be an array"),
        ({"name": 7}, "a string"),
        ({}, "a string"),
        (None, "must be an object"),
        ([], "must be an object"),
        ({"name": "__class__"}, "unknown function"),
    ],
)
async def test_what_cannot_be_called_gets_a_clear_error(request_: object, reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        await DISPATCH(request_)


async def test_an_error_of_the_function_is_not_taken_for_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="the function itself"):
        await DISPATCH({"name": "math.fail"})


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KernelSpecNotFoundError("fortran", ["python3"]), 'No kernel named "fortran"'),
        (FileWriteError("a.ipynb", "the disk is full"), "the disk is full"),
    ],
)
async def test_what_kernels_and_documents_refuse_is_told_and_no_failure(
    error: Exception, text: str
) -> None:
    async def refuse() -> object:
        raise error

    with pytest.raises(ApiError, match=text):
        await Dispatcher({"a.b": refuse}, frozenset())({"name": "a.b"})


async def test_several_groups_of_functions_are_merged() -> None:
    dispatch = Dispatcher({"math.add": add}, frozenset({"math.divide"}))

    dispatch.offer({"math.divide": fail, "other.add": add})

    assert await dispatch({"name": "other.add", "args": [1, 2]}) == 3
    with pytest.raises(TypeError, match="the function itself"):
        await dispatch({"name": "math.divide"})


async def test_no_function_takes_the_place_of_another() -> None:
    dispatch = Dispatcher({"math.add": add}, frozenset({"math.fail"}))

    with pytest.raises(ValueError, match=r"offered twice: math\.add"):
        dispatch.offer({"math.add": fail, "math.fail": fail})

    with pytest.raises(ApiError, match="not supported"):
        await dispatch({"name": "math.fail"})
