"""The notebook that the browser tests use: what people really have in theirs."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

__all__ = ["GO_ON", "LINES", "SLOW_LINES", "real_notebook", "write_real_notebook"]

LINES = 5_000
SLOW_LINES = 40
GO_ON = "go-on"
"""The file for which the last cell waits."""

FORMULAS = r"""# A real notebook

The Gaussian integral $\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}$ and

$$\frac{dp}{dt} = r\,p\left(1 - \frac{p}{K}\right).$$"""

PLOT = """import matplotlib.pyplot as plt
import numpy as np

x = np.linspace(0, 10, 200)
plt.plot(x, np.sin(x))
plt.title("A sine wave")
plt.show()"""

TABLE = """import pandas as pd

pd.DataFrame({"planet": ["Venus", "Earth", "Mars"], "moons": [0, 1, 2]})"""

ERROR = """def deep(n):
    return 1 / n if n == 0 else deep(n - 1)

deep(3)"""

SLIDER = """import ipywidgets as widgets

slider = widgets.IntSlider(value=10, min=0, max=100, description="shared")
slider"""

MANY_LINES = f"""for line in range({LINES}):
    print("line", line)"""

SLOW = f"""import time

for line in range({SLOW_LINES}):
    print("slow", line, flush=True)
    time.sleep(0.25)"""

HELD = f"""import pathlib, time

print("held", flush=True)
while not pathlib.Path("{GO_ON}").exists():
    time.sleep(0.05)"""


def real_notebook() -> nbformat.NotebookNode:
    """Return a notebook with formulas, a plot, a table, an error, a slider and long outputs."""
    sources = [
        ("plot", PLOT),
        ("table", TABLE),
        ("slider", SLIDER),
        ("lines", MANY_LINES),
        ("slow", SLOW),
        ("error", ERROR),
        ("held", HELD),
    ]
    cells = [new_markdown_cell(FORMULAS, id="formulas"), new_markdown_cell("notes", id="notes")]
    cells += [new_code_cell(source, id=cell_id) for cell_id, source in sources]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def write_real_notebook(path: Path) -> None:
    """Write `real_notebook` to ``path``."""
    nbformat.write(real_notebook(), path)
