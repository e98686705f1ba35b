"""One document, two faces: shared types for JupyterLab, patches for CoCalc clients (design D4).

``text_face`` and ``notebook_face`` translate changes, part by part; ``bridge`` decides when.
Invariants are in ``SPEC.md`` one folder up, section B.
"""

__all__: list[str] = []
