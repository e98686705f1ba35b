"""The history of documents: listed, shown, compared, restored, and pruned where that is wanted.

``versions``, ``diff``, ``cell_diff``, ``blame``, ``restore`` and ``pruning`` are pure;
``stream_history`` holds the patches of one document, ``service`` those of a project, ``api`` is
what callers see (rules: SPEC H).
"""

__all__: list[str] = []
