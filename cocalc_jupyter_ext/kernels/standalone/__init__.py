"""Kernels for scripts: run code, watch, ask, end, without any notebook."""
