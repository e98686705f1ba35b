"""Keeps the search for garbage away from what lives as long as the server.

Python looks through all objects from time to time while nothing else goes on. Most objects of a
server belong to its modules and never go: looking through them takes longer than a keystroke
may take to reach others, and as long as it takes to list a long history.
"""

import gc

__all__ = ["LongLived"]


class LongLived:
    """Exempts the objects that are there when the server has started, until it stops.

    They still go when nobody refers to them; only cycles among them wait until it stops. The
    exemption is one of the process: the first server of several that stops ends it for all.
    """

    async def start(self) -> None:
        """Exempt what is there now."""
        gc.collect()  # or what is garbage already would stay
        gc.freeze()

    async def stop(self) -> None:
        """Look through everything again; calling it again does nothing."""
        gc.unfreeze()
