"""The spawner of the single-user mode: a project's server is a process of the hub's own user.

The hub user is the project (design D16). There is no isolation between projects in this mode: their
code runs as the user who runs the hub. Servers run on when the hub stops, and are found again.
"""

import asyncio
import html
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from jupyterhub.spawner import LocalProcessSpawner, SpawnException
from jupyterhub.utils import url_path_join
from traitlets import Float, Unicode, default

from ..errors import HubError
from .environment import KEPT_VARIABLES, project_variables
from .homes import home_path, make_home
from .logs import log_path, open_log, read_tail
from .processes import end_processes, find_processes, is_running, started_at
from .readiness import ServerDiedError, ServerSilentError, wait_until_ready

__all__ = ["ProjectSpawner"]

_LINES_SHOWN = 20
_JUPYTER_DEFAULTS = Path(__file__).parent.parent / "data" / "jupyter"


class ProjectSpawner(LocalProcessSpawner):
    """Starts a project's server as a local process in the project's own directory."""

    projects_root = Unicode(
        "data/projects",
        config=True,
        help="Directory that holds the projects' home directories, one per project id.",
    )
    ready_interval = Float(
        0.05,
        min=0.01,
        config=True,
        help="Seconds between two looks at a server that is starting or stopping.",
    )
    hub_cache_max_age = Float(
        10.0,
        min=0,
        config=True,
        help="""
        Seconds that a project's server relies on the hub's answer about a person. JupyterHub's own
        300 s would let a removed collaborator in for five minutes more.
        """,
    )

    started = Float(0.0, help="When the server's process started, in seconds since the epoch.")

    @default("cmd")
    def _default_cmd(self) -> list[str]:
        # -P keeps the project's own files out of the server's import path.
        return [sys.executable, "-P", "-m", "jupyterhub.singleuser"]

    @default("env_keep")
    def _default_env_keep(self) -> list[str]:
        return list(KEPT_VARIABLES)

    @default("default_url")
    def _default_default_url(self) -> str:
        return "/lab"

    @default("term_timeout")
    def _default_term_timeout(self) -> int:
        return 10

    @property
    def home(self) -> Path:
        """Home directory of the project. Raises NotAProjectError for a person."""
        return home_path(Path(self.projects_root).resolve(), self.user.name)

    def get_args(self) -> list[str]:
        """Return the server's arguments."""
        args = [
            *super().get_args(),
            f"--HubOAuth.cache_max_age={int(self.hub_cache_max_age)}",
        ]
        return [*args, "--allow-root"] if os.geteuid() == 0 else args

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Add what a project's processes need to ``env``."""
        added = project_variables(
            self.user.name,
            self.home,
            python=Path(sys.executable),
            shell=shutil.which("bash") or "/bin/sh",
            unix_user=_unix_user(),
            defaults=_JUPYTER_DEFAULTS,
            inherited=os.environ,
        )
        return {**env, **added, "JUPYTERHUB_ROOT_DIR": str(self.home)}

    def make_preexec_fn(self, name: str) -> None:
        """Change nothing between fork and exec: same user, and the directory is set by Popen."""

    async def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Leave internal certificates where they are: the server runs as the hub's user."""
        return paths

    async def start(self) -> tuple[str, int]:
        """Start the server and return its address once it answers.

        Raises SpawnException with a text for people when the name is not a project's, the
        directory cannot be used, or the server ends or stays silent.
        """
        try:
            home = await asyncio.to_thread(make_home, Path(self.projects_root), self.user.name)
        except HubError as error:
            raise SpawnException(str(error), reason=error.code) from error
        await self._end_leftovers(set(), patience_s=0.5)
        address: tuple[str, int] = await self._launch(home)
        await self._wait_until_ready(home)
        return address

    async def poll(self) -> int | None:
        """Return None while the server runs, else its exit code (0 when that is not known).

        A process found by its id after a restart of the hub must also have started when ours did.
        """
        if self.proc is None and self.pid and not is_running(self.pid, self.started):
            self.clear_state()
            return 0
        status: int | None = await super().poll()
        return status

    async def stop(self, now: bool = False) -> None:
        """End the server and everything it started; returns when nothing of it is left.

        The server is asked first and ends its kernels itself; ``now`` changes nothing about that.
        """
        family = await asyncio.to_thread(find_processes, self.user.name, self.name, self.pid)
        await super().stop(now=True)
        await self._end_leftovers(family, patience_s=1.0)

    async def wait_for_death(self, timeout: float = 10) -> bool:  # noqa: ASYNC109 - JupyterHub's
        """Return True as soon as the server has ended, False after ``timeout`` seconds.

        JupyterHub's own wait backs off at random and notices seconds later.
        """
        deadline = time.monotonic() + timeout
        while await self.poll() is None:
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(self.ready_interval)
        return True

    def get_state(self) -> dict[str, Any]:
        """Return what a new hub needs to find the server again."""
        state: dict[str, Any] = super().get_state()
        if self.pid:
            state["started"] = self.started
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what an earlier hub knew about the server."""
        super().load_state(state)
        self.started = float(state.get("started", 0.0))

    def clear_state(self) -> None:
        """Forget the server."""
        super().clear_state()
        self.started = 0.0

    async def _launch(self, home: Path) -> tuple[str, int]:
        own = self.popen_kwargs
        try:
            with open_log(log_path(home)) as log:
                self.popen_kwargs = {
                    **own,
                    "cwd": home,
                    "stdin": subprocess.DEVNULL,
                    "stdout": log,
                    "stderr": subprocess.STDOUT,
                }
                address: tuple[str, int] = await super().start()
        except OSError as error:
            raise SpawnException(
                f"The project's server could not be started: {error}. "
                "Ask the administrator of this hub to look at it.",
                reason="launch",
            ) from error
        finally:
            self.popen_kwargs = own
        self.started = started_at(self.pid)
        return address

    async def _wait_until_ready(self, home: Path) -> None:
        if self.internal_ssl:
            return  # JupyterHub itself waits next, and it has the certificates
        url = url_path_join(
            f"http://{self.ip or '127.0.0.1'}:{self.port}", self.server.base_url, "api"
        )
        try:
            await wait_until_ready(
                url,
                self._exit_code,
                interval_s=self.ready_interval,
                timeout_s=max(
                    1.0, self.start_timeout - 1.0
                ),  # before JupyterHub gives up wordlessly
            )
        except (ServerDiedError, ServerSilentError) as failure:
            raise _start_failure(failure, log_path(home)) from failure

    def _exit_code(self) -> int | None:
        return None if self.proc is None else self.proc.poll()

    async def _end_leftovers(self, family: set[psutil.Process], patience_s: float) -> None:
        """End processes of this server that outlived it, such as kernels of a killed server."""

        def end() -> tuple[int, int]:
            known = {process for process in family if process.is_running()}
            found = known | find_processes(self.user.name, self.name)
            return len(found), end_processes(found, patience_s)

        found, killed = await asyncio.to_thread(end)
        if found:
            self.log.info("%s left %i processes, %i were killed", self._log_name, found, killed)


def _start_failure(failure: Exception, log: Path) -> SpawnException:
    lines = read_tail(log, _LINES_SHOWN)
    said = "\n".join(lines) or "(nothing)"
    summary = f"The project's server {failure}."
    return SpawnException(
        f"{summary} Its log ends with:\n{said}",
        reason="died" if isinstance(failure, ServerDiedError) else "silent",
        status_code=500,
        message_html=f"{html.escape(summary)} Its log ends with:<pre>{html.escape(said)}</pre>",
    )


def _unix_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
