"""What is taken from the pools, when they are refilled, what has expired (pure; §5).

Sections are those of syncdoc-jupyter. Kernels are opaque here; times are those of one clock.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .keys import PoolKey

__all__ = ["Pools"]

Kernel = TypeVar("Kernel")


@dataclass(slots=True)
class Pools(Generic[Kernel]):
    """One pool for each key, of ``size`` kernels at most."""

    size: int
    timeout_s: float
    _ready: dict[PoolKey, deque[Kernel]] = field(default_factory=dict)
    _expires_at: dict[PoolKey, float] = field(default_factory=dict)
    _refilling: set[PoolKey] = field(default_factory=set)

    def take(self, key: PoolKey) -> Kernel | None:
        """Return the oldest kernel, or None."""
        ready = self._ready.get(key)
        return ready.popleft() if ready else None

    def begin_refill(self, key: PoolKey) -> bool:
        """Return whether one is to be started; the pool waits for it then, one at a time."""
        if key in self._refilling or len(self._ready.get(key, ())) >= self.size:
            return False
        self._refilling.add(key)
        return True

    def end_refill(self, key: PoolKey, kernel: Kernel | None, now: float) -> None:
        """Put the kernel that was started into the pool, if it could be started."""
        self._refilling.discard(key)
        if kernel is not None:
            self._ready.setdefault(key, deque()).append(kernel)
            expires_at = now + self.timeout_s
            self._expires_at[key] = max(expires_at, self._expires_at.get(key, expires_at))

    def expire(self, now: float) -> list[Kernel]:
        """Empty the pools that nobody used for long; return the kernels, which are to end."""
        late = [key for key, expires_at in self._expires_at.items() if expires_at <= now]
        for key in late:
            del self._expires_at[key]
        return [kernel for key in late for kernel in self._ready.pop(key, ())]

    def ready(self) -> list[Kernel]:
        """Return the kernels of all pools."""
        return [kernel for ready in self._ready.values() for kernel in ready]

    def discard(self, kernel: Kernel) -> bool:
        """Take this kernel out of its pool; return whether it was in one."""
        for ready in self._ready.values():
            if kernel in ready:
                ready.remove(kernel)
                return True
        return False

    def is_empty(self) -> bool:
        """Return whether no pool has a kernel or waits for one."""
        return not self._refilling and not any(self._ready.values())

    def clear(self) -> list[Kernel]:
        """Empty all pools; return the kernels, which are to end."""
        kernels = self.ready()
        self._ready.clear()
        self._expires_at.clear()
        return kernels
