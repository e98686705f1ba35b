"""Jupyter Server's kernel manager as the runners see it."""

from ..kernels.managed_kernels import ManagedKernels

__all__ = ["ServerKernels"]


class ServerKernels(ManagedKernels):
    """The kernels of a server's ``MappingKernelManager``, or of a subclass."""
