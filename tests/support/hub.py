"""A real hub for tests: ``jupyterhub -f cocalc_config.py`` in a process of its own.

``start_hub`` returns when the hub says where to click; ``Hub.stop`` ends it and every project
that it left behind. ``Hub.login`` gives an HTTP client that is logged in like a browser.
"""

import contextlib
import html
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from .ports import free_port

__all__ = ["ROOT", "Hub", "LoggedIn", "run_hub", "start_hub"]

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "cocalc_config.py"
START_S = 60
STOP_S = 30
_WELCOME = "cocalc-jupyter: open "


class LoggedIn(httpx.Client):
    """A person's browser without the browser: cookies of one login, redirects followed."""

    def __init__(self, hub_url: str, name: str, password: str) -> None:
        super().__init__(base_url=hub_url, follow_redirects=True, timeout=30)
        self.name = name
        form = self.get("hub/login")
        token = re.search(r'name="_xsrf" value="([^"]*)"', form.text)
        assert token, form.text
        data = {"username": name, "password": password, "_xsrf": token[1]}
        self.landed = self.post("hub/login", data=data)

    def __enter__(self) -> "LoggedIn":
        # The login has opened the client already, which httpx does not expect here.
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def page(self) -> str:
        """The projects page, as HTML."""
        answer = self.get("services/cocalc/")
        answer.raise_for_status()
        return answer.text

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request to the service's API as the projects page's script does."""
        token = re.search(r'name="cocalc-xsrf" content="([^"]*)"', self.page)
        assert token
        headers = {"X-XSRFToken": html.unescape(token[1]), "Sec-Fetch-Mode": "cors"}
        return self.request(method, f"services/cocalc/api/{path}", json=body, headers=headers)

    def projects(self) -> list[dict[str, Any]]:
        """Return the person's projects."""
        answer = self.api("GET", "projects")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["projects"]
        return found

    def wait_for_state(self, project_id: str, state: str) -> dict[str, Any]:
        """Ask until the project is in ``state``; fail after a minute."""
        deadline = time.monotonic() + START_S
        while True:
            project: dict[str, Any] = self.api("GET", f"projects/{project_id}").json()
            if project["state"] == state:
                return project
            assert time.monotonic() < deadline, project
            threading.Event().wait(0.1)


class Hub:
    """A running hub. ``url`` has no slash at its end; ``log`` is what it wrote so far."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, data_dir: Path) -> None:
        self.process = process
        self.url = url
        self.data_dir = data_dir
        self._lines: list[str] = []
        self._welcomed = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.append(line.decode(errors="replace"))
            if self._lines[-1].startswith(_WELCOME):
                self._welcomed.set()
        self._welcomed.set()

    @property
    def log(self) -> str:
        """Everything that the hub, its proxy and its service wrote to standard error."""
        return "".join(self._lines)

    def wait_until_ready(self) -> None:
        """Wait for the line that says where to click; fail with the log when it does not come."""
        self._welcomed.wait(START_S)
        ended = f"process: {self.process.poll()}\n{self.log}"
        assert f"\n{_WELCOME}" in f"\n{self.log}", f"the hub did not start; {ended}"

    def login(self, name: str, password: str = "") -> LoggedIn:
        """Log in; the caller closes the client."""
        return LoggedIn(self.url, name, password)

    def stop(self) -> str:
        """End the hub and its projects; return its log. May be called more than once."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.kill_leftovers()
            self._close()
        return self.log

    def kill(self) -> None:
        """End the hub's process as ``kill -9`` does; projects run on."""
        self.process.kill()
        self.process.wait(STOP_S)

    def _close(self) -> None:
        assert self.process.stderr is not None
        self._reader.join(STOP_S)
        self.process.stderr.close()

    def leftovers(self) -> list[tuple[int, str]]:
        """Return process id and command of every process that this hub, now ended, left behind."""
        mark = os.fsencode(self.data_dir)
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    found.append((int(entry.name), command.decode(errors="replace")))
        return found

    def wait_until_gone(self, containing: str) -> None:
        """Wait until no command that contains a word is left behind."""
        deadline = time.monotonic() + STOP_S
        while any(containing in command for _, command in self.leftovers()):
            assert time.monotonic() < deadline, self.leftovers()
            threading.Event().wait(0.1)

    def kill_leftovers(self) -> None:
        """End everything that is left behind."""
        for process_id, _ in self.leftovers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)


def launch(
    folder: Path,
    *,
    port: int | None = None,
    config: Path = CONFIG,
    user: str | None = None,
    **env: str,
) -> tuple[subprocess.Popen[bytes], str, Path]:
    """Start the process without waiting for anything; return it, its URL and data directory."""
    data_dir = Path(env.pop("COCALC_DATA", str(folder / "data")))
    chosen = port or free_port()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "COCALC", "PYTEST"))
    }
    inherited |= {"PORT": str(chosen), "COCALC_DATA": str(data_dir), "PYTHONPATH": str(ROOT)} | env
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterhub", "-f", str(config)],
        cwd=folder,
        env=inherited,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        user=user,
    )
    base_path = inherited.get("BASE_PATH", "").strip("/")
    return process, f"http://127.0.0.1:{chosen}/{base_path}".rstrip("/"), data_dir


def start_hub(folder: Path, *, port: int | None = None, config: Path = CONFIG, **env: str) -> Hub:
    """Start a hub with its data in ``folder`` (or ``COCALC_DATA``) and wait until it is ready."""
    hub = Hub(*launch(folder, port=port, config=config, **env))
    try:
        hub.wait_until_ready()
    except BaseException:
        hub.stop()
        raise
    return hub


@contextmanager
def run_hub(folder: Path, **options: Any) -> Iterator[Hub]:
    """Run a hub for the length of a ``with`` block."""
    hub = start_hub(folder, **options)
    try:
        yield hub
    finally:
        hub.stop()
