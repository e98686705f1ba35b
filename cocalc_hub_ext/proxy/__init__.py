"""A reverse proxy for JupyterHub that needs nothing but pip (design D18).

``routes`` and ``headers`` are pure; ``forwarding`` and ``tunnels`` move bytes; ``app`` and ``api``
are the two HTTP faces; ``server`` is the process; ``proxy`` is the hub's handle on it.
"""
