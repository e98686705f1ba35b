"""What is too large for a document, kept beside it and found by its SHA-1 (design D7).

``values`` turns pictures, PDF and HTML into bytes and back, ``placeholders`` says what stands
for them in the shared types, ``store`` keeps the bytes, ``notebook`` is the document class that
moves them out of files and back into them, ``mirror`` shows them to CoCalc clients.
"""

__all__: list[str] = []
