"""The service is told everything by its environment."""

from pathlib import Path

import pytest

from cocalc_hub_ext.server.settings import settings_from_env

ENV = {
    "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:9002",
    "JUPYTERHUB_SERVICE_PREFIX": "/services/cocalc/",
    "JUPYTERHUB_BASE_URL": "/",
    "JUPYTERHUB_API_URL": "http://127.0.0.1:9001/hub/api",
    "JUPYTERHUB_API_TOKEN": "secret",
    "COCALC_PUBLIC_URL": "http://127.0.0.1:8000",
    "COCALC_DATA": "/srv/data",
}


def test_the_hub_s_variables_and_ours_make_the_settings() -> None:
    settings = settings_from_env(ENV | {"COCALC_DEMO": "1"})

    assert (settings.host, settings.port) == ("127.0.0.1", 9002)
    assert settings.open_url == "http://127.0.0.1:8000"
    assert settings.projects_root == Path("/srv/data/projects")
    assert settings.database_url == "sqlite:////srv/data/cocalc.sqlite"
    assert settings.demo


def test_a_service_ends_with_the_hub_only_when_told_so() -> None:
    assert not settings_from_env(ENV).ends_with_hub
    assert settings_from_env(ENV | {"COCALC_ENDS_WITH_HUB": "1"}).ends_with_hub


def test_only_an_explicit_one_means_demo() -> None:
    assert not settings_from_env(ENV).demo
    assert not settings_from_env(ENV | {"COCALC_DEMO": "0"}).demo


@pytest.mark.parametrize("name", sorted(ENV))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        settings_from_env({key: value for key, value in ENV.items() if key != name})
