"""Real kernels without a server: jupyter_client's own manager of several kernels."""

from contextlib import asynccontextmanager

from jupyter_client.multikernelmanager import AsyncMultiKernelManager

from cocalc_jupyter_ext.server.kernel_host import ServerKernels

__all__ = ["LocalKernels", "local_kernels"]


class LocalKernels(ServerKernels):
    """The kernels as a ``KernelHost``, and the means to do something to them."""

    def __init__(self):
        self.manager = AsyncMultiKernelManager()
        super().__init__(self.manager)

    async def start(self):
        return await self.manager.start_kernel(kernel_name="python3")

    async def kill(self, kernel_id):
        """End the process as the operating system does when memory is short."""
        await self.manager.get_kernel(kernel_id).signal_kernel(9)


@asynccontextmanager
async def local_kernels():
    kernels = LocalKernels()
    try:
        yield kernels
    finally:
        await kernels.manager.shutdown_all(now=True)
        kernels.manager.context.destroy(linger=0)
