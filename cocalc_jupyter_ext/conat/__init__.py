"""The message fabric: CoCalc's conat in Python, on the wire compatible to the byte.

It knows nothing of Jupyter and can be used alone. ``SPEC.md`` beside this file
holds the numbered rules; read it first, then ``protocol/subjects.py``,
``protocol/messages.py``, ``broker/router.py`` and ``client/client.py``.
"""
