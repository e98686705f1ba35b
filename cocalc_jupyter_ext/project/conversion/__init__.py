"""Notebooks in other formats, by the real nbconvert (syncdoc-jupyter §10)."""

__all__: list[str] = []
