"""``configure`` sets what is missing and keeps what the administrator said."""

from pathlib import Path

import pytest
from jupyterhub.auth import Authenticator, NullAuthenticator
from traitlets.config import Config

from cocalc_hub_ext.auth.demo import DemoAuthenticator
from cocalc_hub_ext.auth.project_safe import PROJECT_GROUP, PROJECT_ROLE, ProjectSafe
from cocalc_hub_ext.config import SERVICE_NAME, configure
from cocalc_hub_ext.settings import HubSettings
from cocalc_hub_ext.startup import StartupError

PORTS = {"hub": 9001, "service": 9002}


@pytest.fixture
def c() -> Config:
    return Config()


def settings(bind_url: str = "http://127.0.0.1:8000/") -> HubSettings:
    return HubSettings(
        bind_url=bind_url,
        data_dir=Path("/srv/data"),
        projects_root=Path("/srv/data/projects"),
        database_url="sqlite:////srv/data/cocalc.sqlite",
    )


def service(c: Config) -> dict[str, object]:
    (found,) = [each for each in c.JupyterHub.services if each["name"] == SERVICE_NAME]
    return dict(found)


def test_a_first_run_is_a_demo_that_leaves_nothing_behind(c: Config) -> None:
    configure(c, settings(), PORTS)

    assert c.JupyterHub.authenticator_class is DemoAuthenticator
    assert c.JupyterHub.cleanup_servers is True
    assert "without a password" in c.JupyterHub.template_vars["announcement_login"]
    assert service(c)["environment"]["COCALC_DEMO"] == "1"  # type: ignore[index]


def test_projects_of_a_demo_run_on_when_that_is_asked_for(c: Config) -> None:
    configure(c, settings(), PORTS, keep_projects=True)

    assert c.JupyterHub.cleanup_servers is False


def test_a_hub_with_real_people_keeps_projects_and_is_no_demo(c: Config) -> None:
    c.JupyterHub.authenticator_class = NullAuthenticator

    configure(c, settings("http://0.0.0.0:8000/"), PORTS)

    assert c.JupyterHub.cleanup_servers is False
    assert "template_vars" not in c.JupyterHub
    assert service(c)["environment"]["COCALC_DEMO"] == "0"  # type: ignore[index]


@pytest.mark.parametrize("name", ["null", "jupyterhub.auth.NullAuthenticator", NullAuthenticator])
def test_any_authenticator_is_protected(c: Config, name: str | type[Authenticator]) -> None:
    c.JupyterHub.authenticator_class = name

    configure(c, settings(), PORTS)

    chosen = c.JupyterHub.authenticator_class
    assert issubclass(chosen, ProjectSafe)
    assert issubclass(chosen, NullAuthenticator)
    assert chosen.__mro__.index(ProjectSafe) < chosen.__mro__.index(NullAuthenticator)


def test_an_authenticator_that_is_not_installed_is_named(c: Config) -> None:
    c.JupyterHub.authenticator_class = "not.installed.Authenticator"

    with pytest.raises(StartupError, match=r"not\.installed\.Authenticator"):
        configure(c, settings(), PORTS)


@pytest.mark.parametrize("url", ["http://0.0.0.0:8000/", "http://10.0.0.1:8000/", "http://:8000/"])
def test_the_demo_refuses_addresses_that_others_reach(c: Config, url: str) -> None:
    with pytest.raises(StartupError, match="no passwords"):
        configure(c, settings(url), PORTS)


def test_people_have_no_server_and_reach_the_projects_page_alone(c: Config) -> None:
    configure(c, settings(), PORTS)

    roles = {role["name"]: role for role in c.JupyterHub.load_roles}
    assert "self" not in roles["user"]["scopes"]
    assert not any("servers" in scope for scope in roles["user"]["scopes"])
    assert "access:services!service=cocalc" in roles["user"]["scopes"]
    assert set(roles) == {"user", PROJECT_ROLE, "cocalc-service"}
    assert roles["cocalc-service"]["services"] == [SERVICE_NAME]
    assert roles[PROJECT_ROLE]["groups"] == [PROJECT_GROUP]


def test_what_the_administrator_set_before_is_kept_and_combined(c: Config) -> None:
    c.JupyterHub.db_url = "postgresql://db/hub"
    c.JupyterHub.default_url = "/hub/home"
    c.JupyterHub.services = [{"name": "other", "url": "http://127.0.0.1:1"}]
    c.JupyterHub.load_roles = [{"name": "other", "scopes": ["self"]}]
    c.JupyterHub.extra_user_scopes = {"access:services!service=other"}
    c.JupyterHub.template_paths = ["/srv/templates"]
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 7, "x": 1}

    configure(c, settings(), PORTS)

    assert c.JupyterHub.db_url == "postgresql://db/hub"
    assert c.JupyterHub.default_url == "/hub/home"
    assert [each["name"] for each in c.JupyterHub.services] == ["other", SERVICE_NAME]
    assert "access:services!service=other" in next(
        role["scopes"] for role in c.JupyterHub.load_roles if role["name"] == "user"
    )
    assert c.JupyterHub.load_roles[0]["name"] == "other"
    assert c.JupyterHub.template_paths[0] == "/srv/templates"
    assert c.JupyterHub.tornado_settings == {"slow_spawn_timeout": 7, "x": 1}


def test_an_external_service_replaces_the_managed_one(c: Config) -> None:
    external = {"name": SERVICE_NAME, "url": "http://10.0.0.2:9000", "api_token": "secret"}
    c.JupyterHub.services = [external]

    configure(c, settings(), PORTS)

    assert c.JupyterHub.services == [external]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/", "/services/cocalc/"),
        ("http://127.0.0.1:8000", "/services/cocalc/"),
        ("http://127.0.0.1:8000/base/path/", "/base/path/services/cocalc/"),
    ],
)
def test_people_land_on_the_projects_page_below_the_base_path(
    c: Config, url: str, expected: str
) -> None:
    configure(c, settings(url), PORTS)

    assert c.JupyterHub.default_url == expected
