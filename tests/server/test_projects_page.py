from cocalc_jupyter_ext.server.projects_page import tell_pages

PROJECT = {"COCALC_PROJECT_ID": "an-id", "JUPYTERHUB_BASE_URL": "/base/"}


def test_pages_of_a_project_know_the_projects_page() -> None:
    settings = {"page_config_data": {"kept": "yes"}}

    tell_pages(settings, PROJECT | {"JUPYTERHUB_HOST": "https://hub.example"}, "cocalc")

    url = "https://hub.example/base/services/cocalc/"
    assert settings == {"page_config_data": {"kept": "yes", "cocalcProjectsUrl": url}}


def test_without_projects_there_is_no_page_of_them() -> None:
    for environment in ({}, {"JUPYTERHUB_BASE_URL": "/"}, {"COCALC_PROJECT_ID": "an-id"}):
        settings: dict[str, object] = {}
        tell_pages(settings, environment, "cocalc")
        assert settings == {}
