"""What the environment says about the pool (pure; syncdoc-jupyter §5)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MAX_SIZE", "PoolSettings", "settings_from_environment"]

MAX_SIZE: Final = 10
_DEFAULT_SIZE: Final = 1
_DEFAULT_TIMEOUT_S: Final = 3600.0
_DEFAULT_DELAY_MS: Final = 7500.0


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Size of each pool, 0 for none; times in seconds; the file that remembers the kind."""

    size: int = _DEFAULT_SIZE
    timeout_s: float = _DEFAULT_TIMEOUT_S
    launch_delay_s: float = _DEFAULT_DELAY_MS / 1000
    config_file: Path | None = None


def settings_from_environment(env: Mapping[str, str], home: Path) -> PoolSettings:
    """Return the settings; empty variables are ignored, a size that makes no sense is 0."""
    folder = env.get("COCALC_JUPYTER_POOL_CONFIG_DIR") or str(home / ".config")
    name = env.get("COCALC_JUPYTER_POOL_CONFIG_FILENAME") or "cocalc-jupyter-pool"
    return PoolSettings(
        size=_size(env.get("COCALC_JUPYTER_POOL_SIZE")),
        timeout_s=_number(env.get("COCALC_JUPYTER_POOL_TIMEOUT_S"), _DEFAULT_TIMEOUT_S),
        launch_delay_s=_number(env.get("COCALC_JUPYTER_POOL_LAUNCH_DELAY_MS"), _DEFAULT_DELAY_MS)
        / 1000,
        config_file=Path(folder).expanduser() / Path(name).name,
    )


def _size(text: str | None) -> int:
    if not text:
        return _DEFAULT_SIZE
    size = _parse(text)
    return 0 if size is None or size < 0 else min(int(size), MAX_SIZE)


def _number(text: str | None, default: float) -> float:
    number = _parse(text) if text else None
    return default if number is None or number < 0 else number


def _parse(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
