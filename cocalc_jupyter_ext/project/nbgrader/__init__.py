"""Assignments in notebooks: cells that are graded, the students' version, running and scoring.

``metadata`` and ``cell_types`` say what a cell is, ``markers`` and ``stubs`` take away what
students must not see, ``student_version`` puts the steps together, ``checksum`` is CoCalc's;
``grading`` builds what is run and reads scores from the outputs. All of these are pure.
``assignment`` and ``toolbar`` work on open notebooks, ``run_notebook`` runs one, and
``functions`` offers clients what they need to grade (syncdoc-jupyter §9).
"""

__all__: list[str] = []
