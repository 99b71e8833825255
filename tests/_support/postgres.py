"""A real PostgreSQL server of its own, on loopback, in a folder that is gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

USER = "observatory"
PASSWORD = "p@ss/word:of-a-test"
START_SECONDS = 60
DEBIAN = Path("/usr/lib/postgresql")


@contextmanager
def postgres_server() -> Iterator[int]:
    """Gives its port. Skips where no PostgreSQL is installed. Asks for a password, as a server does."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="observatory-postgres-"))  # pytest's own are closed to other users
    account = _account()
    process = None
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if "user" in account:
            for path in (folder, secret):
                shutil.chown(path, account["user"])
        data = folder / "data"
        asked = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={secret}", "--no-sync"]
        subprocess.run(
            [programs / "initdb", "--pgdata", data, "--encoding=UTF8", "--locale=C", *asked],
            check=True, capture_output=True, cwd=folder, **account,
        )  # fmt: skip
        port = _free_port()
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", str(port), *(f"-c{one}" for one in settings)],
                stdout=log, stderr=log, cwd=folder, **account,
            )  # fmt: skip
        _wait_for(programs / "pg_isready", port, process, folder / "log")
        yield port
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # at once, with all that it has started
            process.wait()
        shutil.rmtree(folder)


def new_database(port: int, name: str) -> str:
    """The address of a database that was not there before, as a person would write it."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import URL

    def url(database: str) -> URL:
        return URL.create("postgresql+psycopg2", USER, PASSWORD, "127.0.0.1", port, database)

    engine = create_engine(url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'create database "{name}"'))
    engine.dispose()
    return url(name).set(drivername="postgresql").render_as_string(hide_password=False)


def _programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name))
    if not versions:
        pytest.skip("no PostgreSQL on this machine: install the Debian packages of .ci/debian-packages.txt")
    return versions[-1]


def _account() -> dict[str, Any]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _wait_for(is_ready: Path, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    asks = [str(is_ready), "--quiet", "--host=127.0.0.1", f"--port={port}", "--timeout=1"]
    while subprocess.run(asks, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
