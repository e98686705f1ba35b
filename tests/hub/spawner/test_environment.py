from pathlib import Path

from cocalc_hub_ext.spawner.environment import KEPT_VARIABLES, project_variables

HOME = Path("/projects/p1")


def variables(**inherited: str) -> dict[str, str]:
    return project_variables(
        "p1",
        HOME,
        python=Path("/venv/bin/python"),
        shell="/bin/sh",
        unix_user="me",
        defaults=Path("/defaults"),
        inherited=inherited,
    )


def test_all_of_jupyters_directories_are_in_the_home() -> None:
    own = variables()

    assert own["HOME"] == str(HOME)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        assert Path(own[name]).is_relative_to(HOME)


def test_the_servers_own_python_comes_first_in_the_path() -> None:
    assert variables(PATH="/usr/bin:/venv/bin:/bin")["PATH"] == "/venv/bin:/usr/bin:/bin"
    assert variables()["PATH"] == "/venv/bin:/usr/local/bin:/usr/bin:/bin"


def test_a_project_knows_itself_and_its_unix_user() -> None:
    own = variables(USER="root", LOGNAME="root", SECRET="x")

    assert own["COCALC_PROJECT_ID"] == "p1"
    assert (own["USER"], own["LOGNAME"]) == ("me", "me")
    assert "SECRET" not in own


def test_the_administrators_defaults_are_found() -> None:
    assert variables()["JUPYTER_CONFIG_PATH"] == "/defaults"


def test_text_is_utf8_unless_the_hub_says_otherwise() -> None:
    assert variables()["LANG"] == "C.UTF-8"
    assert variables(LANG="de_DE.UTF-8")["LANG"] == "de_DE.UTF-8"


def test_nothing_that_could_hold_a_secret_is_kept_from_the_hub() -> None:
    assert not [name for name in KEPT_VARIABLES if "TOKEN" in name or "SECRET" in name]
    assert not [name for name in KEPT_VARIABLES if name.startswith(("JUPYTERHUB", "COCALC"))]
