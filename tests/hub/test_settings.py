"""Options win over what was configured, that over the environment, that over defaults."""

from pathlib import Path
from typing import Any

import pytest

from cocalc_hub_ext.settings import HubSettings, InvalidOptionError, resolve_settings

HERE = Path("/srv/hub")


def resolve(
    env: dict[str, str] | None = None,
    *,
    bind_url: str | None = None,
    https: bool = False,
    **options: Any,
) -> HubSettings:
    return resolve_settings(
        options=options, env=env or {}, configured_bind_url=bind_url, https=https, cwd=HERE
    )


def test_by_default_this_machine_port_8000_and_data_here() -> None:
    settings = resolve()

    assert settings.bind_url == "http://127.0.0.1:8000/"
    assert settings.data_dir == HERE / "data"
    assert settings.projects_root == HERE / "data" / "projects"
    assert settings.database_url == "sqlite:////srv/hub/data/cocalc.sqlite"
    assert settings.local_url == "http://127.0.0.1:8000"


def test_the_environment_chooses() -> None:
    settings = resolve(
        {
            "PORT": "9000",
            "BASE_PATH": "/base/path",
            "COCALC_DATA": "/var/lib/hub",
            "COCALC_PROJECTS": "homes",
            "COCALC_DATABASE_URL": "postgresql://db/cocalc",
        }
    )

    assert settings.bind_url == "http://127.0.0.1:9000/base/path/"
    assert settings.local_url == "http://127.0.0.1:9000/base/path"
    assert settings.data_dir == Path("/var/lib/hub")
    assert settings.projects_root == HERE / "homes"
    assert settings.database_url == "postgresql://db/cocalc"


def test_what_was_configured_wins_over_the_environment() -> None:
    settings = resolve({"PORT": "9000"}, bind_url="http://10.0.0.1:7000/x/")

    assert (settings.host, settings.port) == ("10.0.0.1", 7000)


def test_an_option_wins_over_everything() -> None:
    settings = resolve({"PORT": "9000"}, bind_url="http://10.0.0.1:7000/", port=8123)

    assert settings.bind_url == "http://127.0.0.1:8123/"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_hub_on_all_addresses_is_reached_locally_by_loopback(host: str) -> None:
    assert resolve(host=host).local_url == "http://127.0.0.1:8000"


def test_with_certificates_the_scheme_is_https() -> None:
    assert resolve(https=True, port=443).local_url == "https://127.0.0.1:443"


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1", "8000.5"])
def test_an_unusable_port_is_named(port: str) -> None:
    with pytest.raises(InvalidOptionError, match="PORT must be"):
        resolve({"PORT": port})
