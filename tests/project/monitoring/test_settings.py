"""What the environment says about the watching of a project (hub-project-api §4.2)."""

from cocalc_jupyter_ext.project.monitoring.settings import (
    MonitoringSettings,
    settings_from_environment,
)


def test_the_environment_decides() -> None:
    settings = settings_from_environment(
        {
            "COCALC_PROJECT_INFO_SCAN_INTERVAL_S": "2.5",
            "COCALC_STATUS_UPDATES_INTERVAL_S": "30",
            "COCALC_PROJECT_INFO_PROC_LIMIT": "10",
        }
    )

    assert settings == MonitoringSettings(2.5, 30.0, 10)


def test_what_makes_no_sense_is_not_taken() -> None:
    settings = settings_from_environment(
        {
            "COCALC_PROJECT_INFO_SCAN_INTERVAL_S": "0",
            "COCALC_STATUS_UPDATES_INTERVAL_S": "often",
            "COCALC_PROJECT_INFO_PROC_LIMIT": "inf",
        }
    )

    assert settings == MonitoringSettings(5.0, 60.0, 1024)
