"""The spawner as a hub uses it: real hub, real single-user server, real kernels."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cocalc_hub_ext.spawner.local import ProjectSpawner
from cocalc_hub_ext.spawner.processes import find_processes, started_at

from ...support.minimal_hub import TOKEN, MinimalHub, kill_leftovers, run_hub
from ...support.ports import free_port
from ..proxy.worlds import LOCAL

PROJECT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    kill_leftovers(tmp_path)


@pytest.fixture
def url() -> str:
    return f"http://{LOCAL}:{free_port()}"


@pytest.fixture
async def hub(folder: Path, url: str) -> AsyncIterator[MinimalHub]:
    async with run_hub(folder, url, SECRET_OF_THE_HUB="do not tell") as hub:
        assert (await hub.api("POST", f"users/{PROJECT}"))[0] == 201
        yield hub


def home(hub: MinimalHub) -> Path:
    return hub.folder / "projects" / PROJECT


async def start(hub: MinimalHub) -> tuple[int, Any]:
    """Ask for the project's server and wait until it is up or is not."""
    status, answer = await hub.api("POST", f"users/{PROJECT}/server")
    if status != 202:
        return status, answer
    async with asyncio.timeout(60):
        while (server := await _server(hub)) is not None and not server["ready"]:
            await asyncio.sleep(0.1)
    return 201 if server else 500, server


async def _server(hub: MinimalHub) -> dict[str, Any] | None:
    _, user = await hub.api("GET", f"users/{PROJECT}")
    found: dict[str, Any] | None = user["servers"].get("")
    return found


async def stop(hub: MinimalHub) -> None:
    status, _ = await hub.api("DELETE", f"users/{PROJECT}/server")
    async with asyncio.timeout(30):
        while status == 202 and await _server(hub) is not None:
            await asyncio.sleep(0.1)


async def project_api(hub: MinimalHub, method: str, path: str) -> tuple[int, Any]:
    url = f"{hub.url}/user/{PROJECT}/api/{path}"
    headers = {"Authorization": f"token {TOKEN}"}
    async with hub.session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.json()


def processes() -> dict[int, str]:
    return {each.pid: " ".join(each.cmdline()) for each in find_processes(PROJECT, "")}


def server_process() -> psutil.Process:
    (pid,) = (pid for pid, command in processes().items() if "jupyterhub.singleuser" in command)
    return psutil.Process(pid)


def configure_server(hub: MinimalHub, code: str) -> None:
    """Put a configuration into the project's home, as its people can."""
    folder = home(hub) / ".jupyter"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jupyter_server_config.py").write_text(code)


async def test_a_project_runs_in_its_own_home_with_a_clean_environment(hub: MinimalHub) -> None:
    assert (await start(hub))[0] == 201

    assert (await project_api(hub, "GET", "status"))[0] == 200
    server = server_process()
    environment = server.environ()
    assert server.cwd() == str(home(hub))
    assert home(hub).stat().st_mode & 0o777 == 0o700
    assert environment["HOME"] == environment["JUPYTERHUB_ROOT_DIR"] == str(home(hub))
    assert environment["COCALC_PROJECT_ID"] == PROJECT
    assert environment["JUPYTERHUB_DEFAULT_URL"] == "/lab"
    assert "SECRET_OF_THE_HUB" not in environment
    assert "CONFIGPROXY_AUTH_TOKEN" not in environment
    assert "is running at" in (home(hub) / ".local/share/cocalc/server.log").read_text()
    await stop(hub)


async def test_stopping_ends_the_server_its_kernels_and_whatever_they_started(
    hub: MinimalHub,
) -> None:
    assert (await start(hub))[0] == 201
    assert (await project_api(hub, "POST", "kernels"))[0] == 201
    assert [command for command in processes().values() if "ipykernel" in command]

    await stop(hub)

    assert processes() == {}


async def test_kernels_of_a_killed_server_do_not_survive_the_next_start(hub: MinimalHub) -> None:
    assert (await start(hub))[0] == 201
    assert (await project_api(hub, "POST", "kernels"))[0] == 201
    before = set(processes())

    server_process().kill()
    await stop(hub)

    assert (await start(hub))[0] == 201
    assert before.isdisjoint(processes())
    await stop(hub)


async def test_a_server_that_dies_at_its_start_says_why_and_can_be_started_again(
    hub: MinimalHub,
) -> None:
    configure_server(hub, "import os; print('my <broken> setting', flush=True); os._exit(3)")

    status, answer = await start(hub)

    assert status == 500
    assert "ended with exit code 3" in answer["message"]
    assert "my <broken> setting" in answer["message"]
    assert "Traceback" not in hub.log.partition(PROJECT)[2]
    configure_server(hub, "")
    assert (await start(hub))[0] == 201
    await stop(hub)


async def test_people_have_no_server_and_are_told_so(hub: MinimalHub) -> None:
    assert (await hub.api("POST", "users/alice"))[0] == 201

    status, answer = await hub.api("POST", "users/alice/server")

    assert status == 400
    assert '"alice" is not a project' in answer["message"]
    assert list((hub.folder / "projects").glob("*")) == []


async def test_a_file_of_the_project_cannot_take_the_place_of_a_module(hub: MinimalHub) -> None:
    home(hub).mkdir(parents=True, mode=0o700)
    (home(hub) / "json.py").write_text("raise SystemExit('wrong module')")

    assert (await start(hub))[0] == 201
    await stop(hub)


async def test_a_server_runs_on_while_the_hub_restarts(folder: Path, url: str) -> None:
    same_port = f"c.JupyterHub.hub_port = {free_port()}"  # where the server asks about people
    async with run_hub(folder, url, same_port) as hub:
        await hub.api("POST", f"users/{PROJECT}")
        assert (await start(hub))[0] == 201
        server = server_process()

    assert server.is_running()
    async with run_hub(folder, url, same_port) as hub:
        found = await _server(hub)
        assert found is not None
        assert found["ready"] is True
        assert (await project_api(hub, "GET", "status"))[0] == 200
        assert server_process().pid == server.pid
        await stop(hub)
    assert processes() == {}


async def test_a_server_that_stays_silent_is_ended_with_a_readable_message(
    folder: Path, url: str
) -> None:
    extra = (
        "c.Spawner.start_timeout = 3\n"
        'c.ProjectSpawner.cmd = ["/bin/sh", "-c", "echo thinking; sleep 100"]\n'
    )
    async with run_hub(folder, url, extra) as hub:
        await hub.api("POST", f"users/{PROJECT}")

        status, answer = await start(hub)

        assert status == 500
        assert "did not answer within 2 s" in answer["message"]
        assert "thinking" in answer["message"]
    assert processes() == {}


async def test_a_process_that_got_the_servers_id_later_is_not_the_server() -> None:
    spawner = ProjectSpawner()
    spawner.load_state({"pid": os.getpid(), "started": started_at(os.getpid())})
    assert await spawner.poll() is None
    assert spawner.get_state()["started"] == started_at(os.getpid())

    spawner.load_state({"pid": os.getpid(), "started": 1.0})
    assert await spawner.poll() == 0
    assert spawner.get_state() == {}


async def test_the_server_soon_notices_what_the_hub_changed(folder: Path, url: str) -> None:
    async with run_hub(folder, url, "c.ProjectSpawner.hub_cache_max_age = 2") as hub:
        await hub.api("POST", f"users/{PROJECT}")
        assert (await start(hub))[0] == 201

        async def questions_after_a_request(mark: str) -> int:
            assert (await project_api(hub, "GET", "status"))[0] == 200
            # The hub logs in order, but a moment after it answered: wait for a line behind.
            await hub.api("GET", f"users/{mark}")
            async with asyncio.timeout(60):
                while mark not in hub.log:
                    await asyncio.sleep(0.01)
            return hub.log.count("GET /hub/api/user ")

        first = await questions_after_a_request("first")
        assert await questions_after_a_request("second") == first
        await asyncio.sleep(2.1)  # the server keeps its own time
        assert await questions_after_a_request("third") == first + 1
        await stop(hub)


def test_the_server_asks_the_hub_about_people_often() -> None:
    spawner = ProjectSpawner(hub_cache_max_age=7)

    assert "--HubOAuth.cache_max_age=7" in spawner.get_args()
    assert ("--allow-root" in spawner.get_args()) == (os.geteuid() == 0)
