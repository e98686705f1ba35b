"""The Jupyter Server edge: the extension application, its traits, and thin handlers.

Handlers authenticate, check, decode, call one function and encode; what they call lives in the
layers below.
"""

__all__: list[str] = []
