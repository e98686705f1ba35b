import pytest

from cocalc_jupyter_ext.documents.notebook_cells import shared_output
from cocalc_jupyter_ext.documents.notebook_records.live_outputs import INPUT_TYPE, question
from cocalc_jupyter_ext.kernels.backlog import IopubMessage
from cocalc_jupyter_ext.kernels.errors import CellsNotFoundError
from cocalc_jupyter_ext.kernels.events import BY_RECORDS, Abort, Loss, QueuedCell, Reply
from cocalc_jupyter_ext.kernels.notebook import Notebook, end_orphans
from tests.support.memory_document import MemoryDocument

OK = Reply("ok", 1)


@pytest.fixture
def document():
    return MemoryDocument("one", "two", "three")


@pytest.fixture
def notebook(document):
    return Notebook(document)


def cell(position, serial=1):
    return QueuedCell(serial, "r", 0, f"c{position}", "code", stop_on_error=True)


def started(notebook, position, serial=1):
    queued = cell(position, serial)
    with notebook.batch():
        assert notebook.start(queued)
    notebook.expect(f"request-{serial}", queued)
    return queued


def receive(notebook, kind, serial=1, **content):
    with notebook.batch():
        idle = notebook.fold([IopubMessage(f"request-{serial}", kind, content)])
        notebook.flush()
    return idle


def texts(document, position):
    return [output.get("text") for output in document.cell(position)["outputs"]]


def error_names(document, position):
    return [output.get("ename") for output in document.cell(position)["outputs"]]


def display(text):
    return {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "d"}}


def test_the_sources_of_code_cells_are_read(notebook):
    assert notebook.sources(["c2", "c0"]) == [("c2", "three"), ("c0", "one")]


def test_cells_that_are_missing_or_no_code_are_named(notebook, document):
    document.ydoc.ycells[1]["cell_type"] = "markdown"
    with pytest.raises(CellsNotFoundError) as raised:
        notebook.sources(["c0", "c1", "nope"])
    assert raised.value.cell_ids == ["c1", "nope"]


def test_outputs_go_to_the_cell_of_their_request(notebook, document):
    started(notebook, 0, serial=1)
    started(notebook, 1, serial=2)
    receive(notebook, "stream", serial=2, name="stdout", text="x")
    assert (texts(document, 0), texts(document, 1)) == ([], ["x"])


def test_outputs_of_unknown_requests_are_ignored(notebook, document):
    receive(notebook, "stream", serial=9, name="stdout", text="x")
    assert texts(document, 0) == []


def test_the_idle_status_is_reported_by_serial(notebook):
    started(notebook, 0, serial=4)
    assert receive(notebook, "status", serial=4, execution_state="busy") == []
    assert receive(notebook, "status", serial=4, execution_state="idle") == [4]


def test_many_messages_are_one_transaction(notebook, document):
    started(notebook, 0)
    before = document.transactions
    message = IopubMessage("request-1", "stream", {"name": "stdout", "text": "x"})
    with notebook.batch():
        notebook.fold([message] * 1000)
        notebook.flush()
    assert document.transactions == before + 1
    assert texts(document, 0) == ["x" * 1000]


def test_a_cell_that_wrote_much_waits_in_proportion_and_loses_nothing(notebook, document):
    queued = started(notebook, 0)
    receive(notebook, "stream", name="stdout", text="x" * 150_000)
    receive(notebook, "stream", name="stdout", text="y")
    flushes = 0
    put_off = True
    while put_off:
        assert texts(document, 0) == ["x" * 150_000]
        with notebook.batch():
            put_off = notebook.flush()
        flushes += 1
    assert flushes == 3
    assert texts(document, 0) == ["x" * 150_000 + "y"]
    receive(notebook, "stream", name="stdout", text="z" * 90_000)
    receive(notebook, "stream", name="stdout", text="end")
    with notebook.batch():
        notebook.finish(queued, OK)
    assert texts(document, 0)[0].endswith("zend")


def test_a_cell_that_was_moved_still_gets_its_outputs(notebook, document):
    started(notebook, 0)
    receive(notebook, "stream", name="stdout", text="a")
    moved = document.ydoc.create_ycell(document.cell(0))
    with document.edit():
        del document.ydoc.ycells[0]
        document.ydoc.ycells.append(moved)
    receive(notebook, "stream", name="stdout", text="b")
    assert texts(document, 2) == ["ab"]


def test_a_cell_that_was_deleted_is_passed_over(notebook, document):
    queued = started(notebook, 0)
    del document.ydoc.ycells[0]
    receive(notebook, "stream", name="stdout", text="a")
    with notebook.batch():
        notebook.finish(queued, OK)
        assert not notebook.start(cell(0, serial=2))


def test_what_comes_after_the_end_of_a_cell_is_shown_until_it_runs_again(notebook, document):
    queued = started(notebook, 0, serial=1)
    with notebook.batch():
        notebook.finish(queued, OK)
    receive(notebook, "stream", serial=1, name="stdout", text="late")
    assert texts(document, 0) == ["late"]
    started(notebook, 0, serial=2)
    receive(notebook, "stream", serial=1, name="stdout", text="too late")
    assert texts(document, 0) == []


def test_an_update_reaches_displays_of_other_cells_and_sessions(notebook, document):
    started(notebook, 0, serial=1)
    started(notebook, 1, serial=2)
    receive(notebook, "display_data", serial=1, **display("old"))
    receive(notebook, "display_data", serial=2, **display("old"))
    receive(notebook, "update_display_data", serial=99, **display("new"))
    for position in (0, 1):
        (output,) = document.cell(position)["outputs"]
        assert output["data"] == {"text/plain": "new"}


def test_a_display_of_a_run_that_was_replaced_is_not_updated(notebook, document):
    started(notebook, 0, serial=1)
    receive(notebook, "display_data", serial=1, **display("old"))
    started(notebook, 0, serial=2)
    receive(notebook, "update_display_data", **display("new"))
    assert document.cell(0)["outputs"] == []


def test_the_end_of_a_cell_writes_its_count(notebook, document):
    queued = started(notebook, 0)
    with notebook.batch():
        notebook.finish(queued, Reply("ok", 7))
    plain = document.cell(0)
    assert (plain["execution_count"], plain["execution_state"]) == (7, "idle")


def test_an_error_whose_message_was_lost_is_shown_from_the_reply(notebook, document):
    queued = started(notebook, 0)
    reply = Reply("error", 1, error_name="E", error_value="v", traceback=("t",))
    with notebook.batch():
        notebook.finish(queued, reply)
    assert document.cell(0)["outputs"] == [
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}
    ]


def test_an_error_is_shown_once(notebook, document):
    queued = started(notebook, 0)
    receive(notebook, "error", ename="E", evalue="v", traceback=[])
    with notebook.batch():
        notebook.finish(queued, Reply("error", 1, error_name="E"))
    assert error_names(document, 0) == ["E"]


def test_help_pages_are_shown(notebook, document):
    queued = started(notebook, 0)
    page = {"source": "page", "data": {"text/plain": "help"}, "start": 0}
    with notebook.batch():
        notebook.finish(queued, Reply("ok", 1, payload=(page, {"source": "other"})))
    (output,) = document.cell(0)["outputs"]
    assert output["data"] == {"text/plain": "help"}


def test_a_running_cell_whose_kernel_is_lost_keeps_its_outputs_and_says_why(notebook, document):
    queued = started(notebook, 0)
    receive(notebook, "stream", name="stdout", text="so far")
    with notebook.batch():
        notebook.abort(queued, Loss.DIED, started=True)
    text, error = document.cell(0)["outputs"]
    assert text["text"] == "so far"
    assert error["ename"] == "KernelDied"
    assert "died" in error["evalue"]
    assert document.cell(0)["execution_state"] == "idle"


def test_a_waiting_cell_whose_kernel_is_lost_keeps_its_old_outputs_and_says_so(notebook, document):
    queued = started(notebook, 0, serial=1)
    receive(notebook, "stream", name="stdout", text="old")
    with notebook.batch():
        notebook.finish(queued, OK)
        notebook.show_queued(cell(0, serial=2))
        notebook.abort(cell(0, serial=2), Loss.RESTARTED, started=False)
    text, error = document.cell(0)["outputs"]
    assert text["text"] == "old"
    assert "did not run" in error["evalue"]


def test_a_waiting_cell_that_is_not_wanted_any_more_only_loses_its_star(notebook, document):
    with notebook.batch():
        notebook.show_queued(cell(0))
        assert document.cell(0)["execution_state"] == "running"
        notebook.abort(cell(0), Abort.INTERRUPTED, started=False)
    plain = document.cell(0)
    assert (plain["outputs"], plain["execution_state"]) == ([], "idle")


def test_a_cell_that_the_kernel_refused_says_so(notebook, document):
    queued = started(notebook, 0)
    with notebook.batch():
        notebook.abort(queued, Abort.REFUSED, started=True)
    assert error_names(document, 0) == ["CellNotRun"]


def test_a_question_and_its_answer_are_shown(notebook, document):
    queued = started(notebook, 0)
    for value in (None, "Ada"):
        output = question("Name: ", password=False, value=value)
        with notebook.batch():
            (notebook.settle_question if value else notebook.ask)(queued, output)
            notebook.flush()
        assert document.cell(0)["outputs"] == [output]


def test_after_the_kernel_is_gone_nothing_of_it_is_expected(notebook, document):
    started(notebook, 0)
    notebook.forget_kernel()
    receive(notebook, "stream", name="stdout", text="x")
    assert texts(document, 0) == []


def test_clearing_an_output_widget_does_not_clear_the_cell_that_shows_it(notebook, document):
    def capture(comm_id, msg_id):
        receive(notebook, "comm_msg", comm_id=comm_id, data={"state": {"msg_id": msg_id}})

    started(notebook, 0)
    receive(notebook, "stream", name="stdout", text="widget")
    capture("outer", "request-1")
    capture("inner", "request-1")
    capture("inner", "")
    receive(notebook, "clear_output", wait=False)
    assert texts(document, 0) == ["widget"]
    capture("outer", "")
    receive(notebook, "clear_output", wait=False)
    assert texts(document, 0) == []


def test_what_an_output_widget_captures_is_not_in_the_cell(notebook, document):
    """syncdoc-jupyter §8.4."""

    def capture(msg_id):
        receive(notebook, "comm_msg", comm_id="out", data={"state": {"msg_id": msg_id}})

    started(notebook, 0)
    receive(notebook, "stream", name="stdout", text="before")
    capture("request-1")
    receive(notebook, "stream", name="stdout", text="inside")
    receive(notebook, "display_data", **display("inside"))
    receive(notebook, "error", ename="E", evalue="", traceback=[])
    capture("")
    receive(notebook, "stream", name="stdout", text=" after")
    assert texts(document, 0) == ["before after"]


def test_a_closed_document_is_left_alone(notebook, document):
    queued = started(notebook, 0)
    document.closed = True
    before = document.transactions
    with notebook.batch():
        notebook.show_queued(cell(1))
        notebook.finish(queued, OK)
    receive(notebook, "stream", name="stdout", text="x")
    assert document.transactions == before


def test_only_the_latest_cells_are_remembered():
    document = MemoryDocument(*map(str, range(90)))
    notebook = Notebook(document)
    for number in range(90):
        started(notebook, number, serial=number)
        receive(notebook, "stream", serial=number, name="stdout", text="x" * 240_000)
    receive(notebook, "stream", serial=0, name="stdout", text="late")
    receive(notebook, "stream", serial=89, name="stdout", text="late")
    with notebook.batch():
        while notebook.flush():
            pass
    assert not texts(document, 0)[0].endswith("late")
    assert texts(document, 89)[0].endswith("late")


def test_a_display_is_updated_in_the_whole_notebook_also_by_a_new_one(document, notebook):
    """syncdoc-jupyter §3.5: every message with a display id replaces all outputs that have it."""
    started(notebook, 0, serial=1)
    receive(notebook, "display_data", serial=1, **display("one"))
    started(notebook, 1, serial=2)
    receive(notebook, "display_data", serial=2, **display("two"))
    shown = [document.cell(n)["outputs"][0]["data"]["text/plain"] for n in (0, 1)]
    assert shown == ["two", "two"]


@pytest.mark.parametrize("output", [shared_output, dict], ids=["shared", "plain"])
def test_cells_that_ran_when_the_server_ended_are_ended(output):
    document = MemoryDocument("one", "two")
    document.ydoc.ycells[0]["execution_state"] = "running"
    document.ydoc.ycells[0]["outputs"].append(output(question("?", password=False)))
    assert end_orphans(document) == 1
    asked, error = document.cell(0)["outputs"]
    assert (asked["data"][INPUT_TYPE]["value"], error["ename"]) == ("", "ServerRestarted")
    assert document.cell(0)["execution_state"] == "idle"
    assert document.cell(1)["outputs"] == []
    assert end_orphans(document) == 0


def next_input(**more):
    return Reply("ok", 1, ({"source": "set_next_input", "text": "wanted", **more},))


def sources(document):
    return [cell["source"] for cell in document.ydoc.ycells.to_py()]


def test_what_the_kernel_wants_typed_next_goes_into_a_new_cell_that_nobody_trusts(
    document, notebook
):
    queued = started(notebook, 0)
    with notebook.batch():
        notebook.finish(queued, next_input(replace=False))
    assert sources(document) == ["one", "wanted", "two", "three"]
    assert document.cell(1)["metadata"] == {"trusted": False}
    assert len({cell["id"] for cell in document.ydoc.ycells.to_py()}) == 4


@pytest.mark.parametrize(("group", "more"), [("", {"replace": True}), (BY_RECORDS, {})])
def test_text_that_replaces_goes_into_the_cell_itself(document, notebook, group, more):
    """syncdoc-jupyter §3.5: for CoCalc clients it always does."""
    queued = QueuedCell(1, "r", 0, "c0", "code", stop_on_error=True, group=group)
    with notebook.batch():
        assert notebook.start(queued)
        notebook.finish(queued, next_input(**more))
    assert sources(document) == ["wanted", "two", "three"]


@pytest.mark.parametrize("strange", [None, 3, "text", [1], [[]], True])
def test_a_kernel_that_says_something_strange_ends_no_run(notebook, document, strange):
    """§12.2: malformed messages are skipped, not fatal."""
    started(notebook, 0)
    names = ("name", "text", "data", "metadata", "transient", "traceback", "ename", "wait")
    for kind in (
        "stream",
        "display_data",
        "execute_result",
        "update_display_data",
        "error",
        "clear_output",
        "comm_msg",
        "status",
    ):
        receive(notebook, kind, **dict.fromkeys(names, strange))
    receive(notebook, "display_data", **display("after"))

    assert document.cell(0)["outputs"][-1]["data"] == {"text/plain": "after"}


@pytest.mark.parametrize("strange", [2**70, float("nan"), "\ud83d"])
def test_numbers_and_texts_that_cannot_be_shared_become_such_that_can(notebook, document, strange):
    started(notebook, 0)
    receive(notebook, "display_data", data={"application/json": {"n": strange}}, metadata={})
    receive(notebook, "stream", name="stdout", text=f"{strange}\n")

    shown, printed = document.ydoc.get()["cells"][0]["outputs"]
    assert shown["data"]["application/json"]["n"] in {2.0**70, None, "\N{REPLACEMENT CHARACTER}"}
    assert printed["text"].endswith("\n")


def test_displays_without_end_are_not_remembered_without_end(notebook, monkeypatch):
    monkeypatch.setattr("cocalc_jupyter_ext.kernels.notebook._MAX_DISPLAYS", 10)
    started(notebook, 0)
    first = {"data": {"text/plain": "first"}, "metadata": {}, "transient": {"display_id": "first"}}
    receive(notebook, "display_data", **first)
    for number in range(50):
        changed = {**first, "data": {"text/plain": str(number)}}
        receive(notebook, "update_display_data", **changed)
        receive(
            notebook, "display_data", **display("x") | {"transient": {"display_id": f"{number}"}}
        )

    assert len(notebook._by_display) == 10
    assert "first" in notebook._by_display


@pytest.mark.parametrize("strange", [None, 3, "text", [1], [None], {"a": 1}])
def test_a_reply_that_says_something_strange_ends_the_cell_as_any_other(
    notebook, document, strange
):
    queued = started(notebook, 0)
    names = ("execution_count", "payload", "ename", "evalue", "traceback")
    reply = Reply.from_content({"status": "error", **dict.fromkeys(names, strange)})
    with notebook.batch():
        notebook.finish(queued, reply)

    assert document.cell(0)["execution_state"] == "idle"
    assert document.cell(0)["outputs"][-1]["output_type"] == "error"
