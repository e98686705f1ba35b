import pytest

from cocalc_jupyter_ext.documents.notebook_records.live_outputs import question_in
from cocalc_jupyter_ext.kernels.events import QueuedCell
from cocalc_jupyter_ext.kernels.open_question import OpenQuestion
from cocalc_jupyter_ext.kernels.runs import PendingInput

CELL = QueuedCell(1, "run", 0, "cell", "input()", stop_on_error=True)


def asked(*, password=False):
    return OpenQuestion(CELL, {}, PendingInput("q", "Name? ", password))


@pytest.mark.parametrize(
    ("named", "is_meant"),
    [
        ((None, None, None), True),
        (("q", "run", "cell"), True),
        (("q", None, None), True),
        (("other", "run", "cell"), False),
        ((None, "other", None), False),
        ((None, None, "other"), False),
    ],
)
def test_a_question_is_meant_by_whoever_names_nothing_that_differs(named, is_meant):
    assert asked().is_meant(*named) is is_meant


def test_the_answer_is_shown_but_never_that_of_a_password():
    """syncdoc-jupyter §3.5: the value of a password is a placeholder."""
    assert "value" not in question_in(asked().output())
    assert question_in(asked().output("Ada"))["value"] == "Ada"
    assert question_in(asked(password=True).output("secret"))["value"] == ""
