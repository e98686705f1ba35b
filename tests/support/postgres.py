"""A real PostgreSQL server for tests: started in a temporary folder, stopped at the end."""

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

__all__ = ["PostgresServer", "postgres_server"]

INSTALL_HINT = (
    "PostgreSQL's initdb and pg_ctl were not found. Install them (Debian: apt-get install "
    "postgresql); the hub is tested on both of its databases."
)


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached over a Unix socket in ``socket_dir`` alone."""

    socket_dir: Path

    def create_database(self) -> str:
        """Make an empty database and return its SQLAlchemy URL."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(
            host=str(self.socket_dir), user="cocalc", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://cocalc@/{name}?host={self.socket_dir}"


def find_programs() -> Path:
    """Return the folder of initdb and pg_ctl; fail with what to install when there is none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise RuntimeError(INSTALL_HINT)
    return found[-1].parent


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; name a user to become, or None when not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """Run a server with its data below ``folder``, which any user must be able to enter."""
    programs, user = find_programs(), unprivileged_user()
    data, log = folder / "data", folder / "log"
    if user is not None:
        shutil.chown(folder, user)

    def run(*command: str) -> None:
        done = subprocess.run(
            command,
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            env={},
            check=False,
        )
        if done.returncode:
            details = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}{details}")

    control = (str(programs / "pg_ctl"), "-D", str(data), "-w")
    run(
        str(programs / "initdb"), "-D", str(data), "-U", "cocalc", "-A", "trust", "-E", "UTF8",
        "--no-sync", "--locale=C",
    )  # fmt: skip
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    # A log file keeps the server from holding on to our pipes.
    run(*control, "-l", str(log), "-o", options, "start")
    try:
        yield PostgresServer(folder)
    finally:
        run(*control, "-m", "immediate", "stop")
