"""Where Dagster keeps runs, events and schedules: SQLite in the home, or a PostgreSQL server.

Belongs here: the variable that names the server, whether it can be used, and the configuration of Dagster's
instance. Does not belong here: runs (`orchestration.session`).

The variable holds a password. It stays there: the configuration names the variable, and no message repeats
what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from ingestion.effects import locked, write_durably
from ingestion.errors import SettingError
from ingestion.settings import Home

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

POSTGRES_VARIABLE = "OBSERVATORY_POSTGRES_URL"
FORM = "postgresql://user:password@host:5432/database"
DRIVER = "postgresql+psycopg2"
"""SQLAlchemy's own choice has errors that Dagster does not know: of two processes that make its tables at the
same time, one would fail."""
ALIASES = ("postgres", "postgresql", DRIVER)
CONNECT_SECONDS = 5
LOCK = "run_history"

INSTANCE_CONFIG = Path(__file__).parent / "dagster.yaml"
IN_POSTGRES = f"""
storage:
  postgres:
    postgres_url:
      env: {POSTGRES_VARIABLE}
"""


def prepare_storage(home: Home, environ: MutableMapping[str, str]) -> Path:
    """Writes the instance's configuration and makes its tables, and gives its folder.

    Dagster reads the server's address from the environment, in this process and in those that it starts: it
    is completed there. Raises SettingError where the server cannot be used.
    """
    url = postgres_url(environ)
    if url is not None:
        check_server(url)
        environ[POSTGRES_VARIABLE] = url.render_as_string(hide_password=False)
    wanted = INSTANCE_CONFIG.read_bytes() + (IN_POSTGRES.encode() if url is not None else b"")
    config = home.dagster / "dagster.yaml"
    with locked(home, LOCK):
        if not config.exists() or config.read_bytes() != wanted:
            write_durably(config, wanted)
            # Makes the tables, alone: two processes that did so at once would both fail.
            dg.DagsterInstance.from_config(str(home.dagster)).dispose()
    return home.dagster


def postgres_url(environ: Mapping[str, str]) -> URL | None:
    """The server that the environment names, with its driver; None where it names none.

    Raises SettingError for what is no address of a PostgreSQL database, or where drivers are not installed.
    """
    text = environ.get(POSTGRES_VARIABLE, "").strip()
    if not text:
        return None
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    unusable = SettingError(
        "is no address of a PostgreSQL database",
        source=POSTGRES_VARIABLE,
        remedy=f"Give one such as {FORM} (special characters as %XX), or leave it out for SQLite",
    )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise unusable from None  # the cause may quote a part of the password
    is_named = url.drivername in ALIASES and url.database
    # A password with characters of its own is read as a part of the host or of the database.
    if not is_named or "@" in f"{url.host}{url.database}":
        raise unusable
    if find_spec("dagster_postgres") is None:
        raise SettingError(
            "the drivers of PostgreSQL are not installed",
            source=POSTGRES_VARIABLE,
            remedy="Run `make setup`, or install migration-observatory[postgres]",
        )
    return url.set(drivername=DRIVER)


def check_server(url: URL) -> str:
    """The server's version. Raises SettingError where it does not let us in."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS})
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("show server_version")).scalar_one())
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())
        raise SettingError(
            f"{place_of(url)} does not let us in: {cause}",
            source=POSTGRES_VARIABLE,
            remedy="Start the server, or correct the address; without it, run history is in SQLite",
        ) from None


def place_of(url: URL) -> str:
    """The server and database, without who asks."""
    port = f":{url.port}" if url.port else ""
    return f"{url.host or 'the local socket'}{port}/{url.database}"
