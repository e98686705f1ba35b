"""Kernels that were started before somebody needs them (syncdoc-jupyter §5)."""
