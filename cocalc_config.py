"""JupyterHub with CoCalc's projects on this machine: ``jupyterhub -f cocalc_config.py``.

The environment chooses the port (``PORT``), the base path (``BASE_PATH``) and the data directory
(``COCALC_DATA``). For more than a look around, set an authenticator of your own before ``setup``::

    c.JupyterHub.authenticator_class = "pam"
"""

import cocalc_hub_ext

c = get_config()  # noqa: F821 - JupyterHub puts it here

cocalc_hub_ext.setup(c)
