"""What the environment says about the watching of a project (pure; hub-project-api §4.2)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["MonitoringSettings", "settings_from_environment"]


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """Seconds between two looks and between two reports, and how many processes are told."""

    scan_interval_s: float = 5.0
    status_interval_s: float = 60.0
    max_processes: int = 1024


def settings_from_environment(environ: Mapping[str, str]) -> MonitoringSettings:
    """Return the settings; what is not a number from 1 is not taken."""
    usual = MonitoringSettings()
    scan_s = _number(environ.get("COCALC_PROJECT_INFO_SCAN_INTERVAL_S"), usual.scan_interval_s)
    status_s = _number(environ.get("COCALC_STATUS_UPDATES_INTERVAL_S"), usual.status_interval_s)
    limit = _number(environ.get("COCALC_PROJECT_INFO_PROC_LIMIT"), usual.max_processes)
    return MonitoringSettings(scan_s, status_s, int(limit))


def _number(text: str | None, default: float) -> float:
    try:
        number = float(text or "")
    except ValueError:
        return default
    return number if 1 <= number < math.inf else default
