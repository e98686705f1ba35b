"""The second face of a document: named, dated patches, as CoCalc clients write them.

``text_document`` and ``record_document`` are the two kinds of values; ``string_patch`` and
``record_patch`` are how values change; ``patch_graph`` tells which value a set of patches has.
All of these are pure (syncdoc-jupyter §1, §2).
"""

__all__: list[str] = []
