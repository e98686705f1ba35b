"""Starting, restarting, dying, and the starts that cannot work."""

import resource
import signal
import socket
from pathlib import Path

import pytest

from tests.support.hub import START_S, launch, run_hub, start_hub

# Half of that on an idle machine; processor time grows when others compete for its caches.
SECOND_START_AND_STOP_S = 8.0

# Several starts of a whole hub, on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


def fail_to_start(folder: Path, **options: str | int | Path) -> str:
    """Start a hub that must not come up; return what it says, which is one line."""
    process, _, _ = launch(folder, **options)  # type: ignore[arg-type]  # options are checked there
    _, errors = process.communicate(timeout=START_S)
    said = errors.decode()
    assert process.returncode == 1, said
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("cocalc-jupyter: ")]
    assert len(lines) == 1, said
    return lines[0]


def write_config(folder: Path, *lines: str) -> Path:
    path = folder / "config.py"
    path.write_text("\n".join(["import cocalc_hub_ext", "c = get_config()", *lines]))
    return path


def test_a_restart_keeps_projects_members_and_the_login(tmp_path: Path) -> None:
    with run_hub(tmp_path) as hub:
        port = int(hub.url.rsplit(":", 1)[1])
        demo = hub.login("demo")
        hub.login("friend").close()
        project_id = demo.api("POST", "projects", {"title": "Kept"}).json()["project_id"]
        demo.api("POST", f"projects/{project_id}/members", {"name": "friend"})
        before = demo.projects()

    with run_hub(tmp_path, port=port) as again, demo, again.login("friend") as friend:
        assert demo.projects() == before
        assert [project["title"] for project in friend.projects()] == ["Kept"]
        friend.api("POST", f"projects/{project_id}/start")
        friend.wait_for_state(project_id, "running")
        assert friend.get(f"/user/{project_id}/lab").status_code == 200
        friend.api("POST", f"projects/{project_id}/stop")

    # A project reports its activity as soon as it starts; the hub logs requests it refuses.
    assert f"/hub/api/users/{project_id}/activity" not in again.log


def test_the_second_start_and_stop_stay_cheap(
    tmp_path: Path,
) -> None:
    """Processor time, because how long that takes depends on what else the machine does."""
    with run_hub(tmp_path):
        pass
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    with run_hub(tmp_path):
        pass

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0 < used_s < SECOND_START_AND_STOP_S


def test_a_project_survives_the_death_of_the_hub(tmp_path: Path) -> None:
    first = start_hub(tmp_path)
    try:
        port = int(first.url.rsplit(":", 1)[1])
        demo = first.login("demo")
        (project,) = demo.projects()
        project_id = project["project_id"]
        demo.api("POST", f"projects/{project_id}/start")
        demo.wait_for_state(project_id, "running")
        demo.get(f"/user/{project_id}/lab")
        started = demo.get(f"/user/{project_id}/api/status").json()["started"]
        first.kill()
        first.wait_until_gone("cocalc_hub_ext.server")

        with run_hub(tmp_path, port=port) as hub, demo, hub.login("guest") as guest:
            assert demo.wait_for_state(project_id, "running")
            assert demo.get(f"/user/{project_id}/api/status").json()["started"] == started
            # No confirmation page for somebody who comes for the first time after the restart.
            assert guest.get(f"/user/{project_id}/lab").url.path == f"/user/{project_id}/lab"
    finally:
        first.stop()


def test_in_demo_mode_nothing_runs_on_after_the_hub(tmp_path: Path) -> None:
    hub = start_hub(tmp_path)
    try:
        with hub.login("demo") as demo:
            (project,) = demo.projects()
            demo.api("POST", f"projects/{project['project_id']}/start")
            demo.wait_for_state(project["project_id"], "running")
        hub.process.send_signal(signal.SIGINT)
        hub.process.wait(START_S)
        assert hub.leftovers() == []
    finally:
        hub.stop()


def test_a_second_hub_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with run_hub(tmp_path) as hub:
        said = fail_to_start(tmp_path)

    assert f"another hub (process {hub.process.pid}) uses the data directory" in said


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = fail_to_start(tmp_path, port=port)

    assert f"127.0.0.1 port {port} is in use" in said
    assert f"PORT={port + 1}" in said


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = fail_to_start(tmp_path, COCALC_DATA=str(tmp_path / "file" / "data"))

    assert "data directory" in said
    assert "COCALC_DATA=" in said


def test_a_port_that_is_no_number_is_named(tmp_path: Path) -> None:
    said = fail_to_start(tmp_path, PORT="eighty")

    assert "PORT must be a number, not 'eighty'" in said


def test_the_demo_refuses_an_address_that_others_reach(tmp_path: Path) -> None:
    config = write_config(tmp_path, "cocalc_hub_ext.setup(c, host='0.0.0.0')")

    said = fail_to_start(tmp_path, config=config)

    assert "has no passwords and refuses http://0.0.0.0" in said


def test_the_demo_refuses_such_an_address_also_when_it_is_set_later(tmp_path: Path) -> None:
    config = write_config(
        tmp_path, "cocalc_hub_ext.setup(c)", "c.JupyterHub.bind_url = 'http://:8765'"
    )

    said = fail_to_start(tmp_path, config=config)

    assert "has no passwords and refuses http://:8765" in said


def test_an_authenticator_set_later_starts_no_project(tmp_path: Path) -> None:
    config = write_config(
        tmp_path,
        "cocalc_hub_ext.setup(c)",
        "c.JupyterHub.authenticator_class = 'shared-password'",
        "c.SharedPasswordAuthenticator.user_password = 'long-enough-password'",
        "c.Authenticator.allow_all = True",
    )
    password = "long-enough-password"
    with run_hub(tmp_path, config=config) as hub, hub.login("demo", password) as demo:
        (project,) = demo.projects()
        demo.api("POST", f"projects/{project['project_id']}/start")
        failed = demo.wait_for_state(project["project_id"], "opened")

    assert "was set after cocalc_hub_ext.setup(c)" in failed["error"]


def test_another_authenticator_is_protected_and_works_below_a_base_path(tmp_path: Path) -> None:
    config = write_config(
        tmp_path,
        "c.JupyterHub.authenticator_class = 'shared-password'",
        "c.SharedPasswordAuthenticator.user_password = 'long-enough-password'",
        "c.Authenticator.allow_all = True",
        "cocalc_hub_ext.setup(c, keep_projects=False)",
    )
    project_like = "11111111-2222-4333-8444-555555555555"
    with run_hub(tmp_path, config=config, BASE_PATH="/base/path") as hub:
        assert hub.url.endswith("/base/path")
        with hub.login("ada", password="long-enough-password") as ada:
            assert ada.landed.url.path == "/base/path/services/cocalc/"
            assert "You have no projects yet" in ada.landed.text
            made = ada.api("POST", "projects", {"title": "Mine"}).json()
            ada.api("POST", f"projects/{made['project_id']}/start")
            ada.wait_for_state(made["project_id"], "running")
            lab = ada.get(f"{hub.url}/services/cocalc/open/{made['project_id']}")
            assert lab.url.path == f"/base/path/user/{made['project_id']}/lab"
        with hub.login(project_like, password="long-enough-password") as intruder:
            assert intruder.landed.status_code == 403
