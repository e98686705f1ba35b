"""CoCalc projects for JupyterHub."""
