"""Notebooks as CoCalc clients hold them: cells, settings and the rest as records.

``cells`` and ``outputs`` translate to and from nbformat, ``notebooks`` whole files,
``positions`` orders cells, ``blobs`` says what is kept beside the document. All of it is pure
(syncdoc-jupyter §3, §7).
"""

__all__: list[str] = []
