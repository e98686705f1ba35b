"""How a project's server is started: one JupyterHub spawner class per mode.

``homes`` and ``environment`` say where and with what; ``logs``, ``processes`` and ``readiness``
each do one thing to a running server; ``local`` is the spawner of the single-user mode.
"""
