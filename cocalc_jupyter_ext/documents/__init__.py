"""Live documents: shared text and notebooks that the server owns.

A document is a pycrdt ``Doc`` in the shape of ``jupyter_ydoc``. It exists without any
browser; browsers, kernels and other extensions are equal authors of it. Every change is in
the document's update log before anybody else sees it. Read ``document.py`` first, then
``registry.py`` (who opens and closes), ``room.py`` (who is connected) and ``disk.py`` (how
the file and the live document stay one).
"""

__all__: list[str] = []
