"""Formatters of program texts and of markup (syncdoc-jupyter §11)."""

__all__: list[str] = []
