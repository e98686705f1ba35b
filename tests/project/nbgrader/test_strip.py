"""Notebooks without what they have printed (syncdoc-jupyter §4.10)."""

from cocalc_jupyter_ext.project.nbgrader.strip import stripped


def test_outputs_are_emptied_and_attachments_removed_and_all_else_stays() -> None:
    notebook = {
        "cells": [
            {"cell_type": "code", "outputs": [{"output_type": "stream"}], "execution_count": 3},
            {"cell_type": "markdown", "attachments": {"x.png": {}}, "source": ["a"]},
        ],
        "metadata": {"x": 1},
        "nbformat": 4,
    }
    assert stripped(notebook) == {
        "cells": [
            {"cell_type": "code", "outputs": [], "execution_count": 3},
            {"cell_type": "markdown", "source": ["a"]},
        ],
        "metadata": {"x": 1},
        "nbformat": 4,
    }


def test_cells_of_worksheets_are_stripped_too() -> None:
    old = {"nbformat": 3, "worksheets": [{"cells": [{"outputs": [1], "input": "x"}]}]}
    assert stripped(old) == {
        "nbformat": 3,
        "worksheets": [{"cells": [{"outputs": [], "input": "x"}]}],
    }
