"""Code that runs once in a kernel of its own, which is then gone (syncdoc-jupyter §6)."""
