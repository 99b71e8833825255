"""Checks an installation: whether it can work, and what to do where it cannot.

Belongs here: one small function a thing that can be wrong. Does not belong here: the health of the sources
(`ingestion.health`), and repair: nothing is changed.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from ingestion.errors import ObservatoryError
from ingestion.settings import Home
from ingestion.space import ADVICE, MEBIBYTE, room

UI_PORT = 3000
REMOTE_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs"}
PROJECT = "migration-observatory"
DAEMON_SILENT_SECONDS = 300
"""The daemon gives a sign of life every half minute, later on a busy machine."""


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do."""

    what: str
    level: Level
    said: str
    remedy: str = ""


def examine(home: Home, environ: Mapping[str, str]) -> list[Finding]:
    """Looks at everything; what cannot even be looked at has failed."""
    history = cache(lambda: _run_history(home, environ))  # three look at it, and it is read whole
    looks: dict[str, Callable[[], Finding]] = {
        "home": lambda: _writable(home),
        "disk": lambda: _space(home),
        "versions": _versions,
        "file system": lambda: _file_system(home),
        "run history": history,
        "daemon": lambda: _daemon(home, environ, history()),
        "alert sensors": lambda: _alert_sensors(home, environ, history()),
        "locks": lambda: _locks(home),
        "dbt project": _manifest,
        "warehouse": lambda: _warehouse(home),
        "published": lambda: _published(home),
        "watchlist": lambda: _watchlist(environ),
        "settings": lambda: _settings(environ),
        "contact": lambda: _contact(environ),
        "alerts": lambda: _alerts(environ),
        "port": _port,
    }
    return [_looked(what, look) for what, look in looks.items()]


def _looked(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except ObservatoryError as error:
        return Finding(what, Level.FAIL, f"{error.source}: {error.problem}", error.remedy)
    except (OSError, ValueError) as error:
        return Finding(what, Level.FAIL, f"{type(error).__name__}: {error}", "Check disk and permissions.")


def _writable(home: Home) -> Finding:
    there = next(path for path in (home.root, *home.root.parents) if path.exists())
    if not there.is_dir():
        remedy = "Move it away, or set OBSERVATORY_HOME to another folder."
        return Finding("home", Level.FAIL, f"{home.root} cannot be made: {there} is no folder", remedy)
    if there != home.root and os.access(there, os.W_OK | os.X_OK):
        return Finding("home", Level.WARN, f"{home.root} is not there yet", "The first run makes it.")
    if there != home.root:
        remedy = f"Let this user write to {there}, or set OBSERVATORY_HOME."
        return Finding("home", Level.FAIL, f"{home.root} cannot be made", remedy)
    folders = [home.root, *(path for path in home.root.iterdir() if path.is_dir())]
    shut = [str(path) for path in folders if not os.access(path, os.W_OK)]
    if shut:
        remedy = "Let this user write there, or set OBSERVATORY_HOME."
        return Finding("home", Level.FAIL, f"cannot write to {', '.join(shut)}", remedy)
    return Finding("home", Level.OK, f"{home.root} can be written")


def _space(home: Home) -> Finding:
    now = room(home)
    if now.is_little:
        level = Level.FAIL if now.is_too_little else Level.WARN
        return Finding("disk", level, now.told, ADVICE)
    return Finding("disk", Level.OK, now.told)


def _versions() -> Finding:
    """What is installed is what the project asks for."""
    from packaging.requirements import Requirement

    wrong = []
    try:
        asked = [Requirement(line) for line in requires(PROJECT) or []]
    except PackageNotFoundError:
        return Finding("versions", Level.FAIL, f"{PROJECT} is not installed", "Run `make setup`.")
    for requirement in asked:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, not {requirement.specifier}")
    if wrong:
        return Finding("versions", Level.FAIL, "; ".join(wrong), "Run `make setup`.")
    shown = ", ".join(
        f"{name} {version(name)}" for name in ("dagster", "dbt-core", "duckdb", "great-expectations")
    )
    return Finding("versions", Level.OK, f"Python {sys.version.split()[0]}, {shown}")


def _file_system(home: Home) -> Finding:
    """SQLite and file locks are not to be trusted over a network."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        said = "this system does not tell where the home is mounted"
        return Finding("file system", Level.WARN, said, "Make sure that it is a local disk.")
    found = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    target = home.dagster.resolve()
    holding = [(Path(place), kind) for place, kind in found if target.is_relative_to(place)]
    place, kind = max(holding, key=lambda mount: len(mount[0].parts))
    if kind in REMOTE_FILE_SYSTEMS:
        remedy = "Set OBSERVATORY_HOME to a local disk: run history and locks need one."
        return Finding("file system", Level.FAIL, f"{target} is on {kind} ({place})", remedy)
    return Finding("file system", Level.OK, f"{target.parent} is on a local disk ({kind})")


def _run_history(home: Home, environ: Mapping[str, str]) -> Finding:
    from orchestration.storage import check_server, place_of, postgres_url

    url = postgres_url(environ)  # raises, as the next does, where run history cannot be kept
    if url is not None:
        return Finding("run history", Level.OK, f"in PostgreSQL {check_server(url)} at {place_of(url)}")
    for path in _databases(home):
        if path.exists() and (wrong := _damage_of_sqlite(path)):
            remedy = (
                "Stop what runs and move the file away, with those beside it that end in -wal and -shm. A "
                "new history begins with the next run; lake, marts and alerts do not depend on it."
            )
            return Finding("run history", Level.FAIL, f"{path}: {wrong}", remedy)
    return Finding("run history", Level.OK, "in SQLite, in the home")


def _databases(home: Home) -> list[Path]:
    """Where Dagster keeps runs, events and schedules, but for the file of events that each run has."""
    names = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
    return [home.dagster / name for name in names]


def _damage_of_sqlite(path: Path) -> str | None:
    """What is wrong with a database. Raises `OSError` where it cannot be opened."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as con:
            ((said,),) = con.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        raise OSError(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if said == "ok" else str(said)


def _daemon(home: Home, environ: Mapping[str, str], history: Finding) -> Finding:
    """Whether it runs. Commands work without, so that it is no error if it does not."""
    from dagster import DagsterInstance

    remedy = "Commands work without. For what runs by itself, start `observatory ui`."
    if not _has_history(home, environ, history):
        return Finding("daemon", Level.WARN, "has never run", remedy)
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        seen = [heartbeat.timestamp for heartbeat in instance.get_daemon_heartbeats().values()]
    if not seen:
        return Finding("daemon", Level.WARN, "has never run", remedy)
    if time.time() - max(seen) > DAEMON_SILENT_SECONDS:
        last = f"{datetime.fromtimestamp(max(seen), UTC):%Y-%m-%d %H:%M} UTC"
        return Finding("daemon", Level.WARN, f"does not run; it was seen last at {last}", remedy)
    return Finding("daemon", Level.OK, "runs")


def _alert_sensors(home: Home, environ: Mapping[str, str], history: Finding) -> Finding:
    """They are on unless somebody has turned them off."""
    from dagster import DagsterInstance

    from orchestration.defs.alerts import tell_of_failed_run, tell_what_needs_somebody

    names = {tell_of_failed_run.name, tell_what_needs_somebody.name}
    off: list[str] = []
    if _has_history(home, environ, history):
        with DagsterInstance.from_config(str(home.dagster)) as instance:
            states = instance.all_instigator_state()
        off = sorted(names & {one.instigator_name for one in states if one.status.value == "STOPPED"})
    if off:
        remedy = "Turn them on in the web UI, under Automation."
        return Finding("alert sensors", Level.WARN, f"off: {', '.join(off)}", remedy)
    return Finding("alert sensors", Level.OK, "on, while the daemon runs")


def _has_history(home: Home, environ: Mapping[str, str], history: Finding) -> bool:
    """Whether Dagster's instance can be opened without making anything. Raises where it is damaged."""
    if history.level is Level.FAIL:
        raise ObservatoryError(
            "cannot be told", source="run history", remedy=f"Mend it first: {history.said}"
        )
    is_made = (home.dagster / "dagster.yaml").exists()
    in_postgres = bool(environ.get("OBSERVATORY_POSTGRES_URL", "").strip())
    return is_made and (in_postgres or all(path.exists() for path in _databases(home)))


def _locks(home: Home) -> Finding:
    from filelock import FileLock, Timeout

    held = []
    for path in sorted(home.locks.rglob("*.lock")):
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            held.append(str(path.relative_to(home.locks).with_suffix("")))
    if held:
        said = f"held right now: {', '.join(held)}"
        return Finding("locks", Level.WARN, said, "Something is running. A lock goes with its process.")
    return Finding("locks", Level.OK, "none is held")


def _manifest() -> Finding:
    from orchestration.dbt import manifest_is_current, read_manifest

    try:
        nodes = len(read_manifest()["nodes"])
    except json.JSONDecodeError as error:
        remedy = "Remove dbt_project/target and run `make setup`."
        return Finding("dbt project", Level.FAIL, f"its manifest is torn: {error}", remedy)
    if not manifest_is_current():
        said = "files of the project are newer than its manifest"
        return Finding("dbt project", Level.WARN, said, "Any `observatory run` parses it again.")
    return Finding("dbt project", Level.OK, f"parsed, {nodes} nodes")


def _warehouse(home: Home) -> Finding:
    from orchestration.warehouse_file import damage

    if not home.warehouse.exists():
        return Finding("warehouse", Level.WARN, "is not there yet", "Run `observatory run`.")
    wrong = damage(home.warehouse)
    if wrong:
        remedy = "The next run puts it aside and builds it anew."
        return Finding("warehouse", Level.FAIL, wrong, remedy)
    aside = sorted(path.name for path in home.root.glob(f"{home.warehouse.name}.damaged-*"))
    if aside:
        said = f"can be read; damaged ones are beside it: {', '.join(aside)}"
        return Finding("warehouse", Level.WARN, said, "Check the disk, then delete them.")
    return Finding("warehouse", Level.OK, f"can be read, {home.warehouse.stat().st_size // MEBIBYTE} MiB")


def _published(home: Home) -> Finding:
    import duckdb

    from orchestration.publish import current_version

    if not home.published_database.is_symlink():
        return Finding("published", Level.WARN, "nothing is published yet", "Run `observatory run`.")
    remedy = "Run `observatory run`: it publishes anew."
    current = current_version(home)
    if current is None or not home.published_database.exists():
        return Finding("published", Level.FAIL, "the link leads nowhere", remedy)
    try:
        with duckdb.connect(str(home.published_database), read_only=True) as con:
            tables = con.execute("select count(*) from duckdb_tables()").fetchall()[0][0]
    except duckdb.Error as error:
        return Finding("published", Level.FAIL, str(error).splitlines()[0], remedy)
    return Finding("published", Level.OK, f"{current.id}, {tables} tables")


def _watchlist(environ: Mapping[str, str]) -> Finding:
    from orchestration.installation import Installation

    installation = Installation(watchlist=environ.get("OBSERVATORY_WATCHLIST", ""))
    watched = installation.parsed_watchlist()  # raises where it is missing or says nonsense
    said = f"{installation.watchlist_path()}, {len(watched.platforms)} platforms"
    return Finding("watchlist", Level.OK, said)


def _settings(environ: Mapping[str, str]) -> Finding:
    from ingestion.limits import limits_from
    from orchestration.executor import executor_from

    limits_from(environ)  # each raises where a setting says nothing usable
    executor = executor_from(environ).name
    return Finding("settings", Level.OK, f"numbers of days and hours are numbers; executor {executor}")


def _contact(environ: Mapping[str, str]) -> Finding:
    from ingestion.http import client_from

    client_from(environ).close()  # raises where contact or mirror say nothing usable
    if not environ.get("OBSERVATORY_CONTACT", "").strip():
        remedy = "Set OBSERVATORY_CONTACT to an e-mail address or URL; some upstreams answer nobody without."
        return Finding("contact", Level.WARN, "upstreams are not told who asks", remedy)
    return Finding("contact", Level.OK, "upstreams are told who asks")


def _alerts(environ: Mapping[str, str]) -> Finding:
    from ingestion.alerts import ALERTS_VARIABLE, sender

    if sender(environ) is None:
        remedy = f"Set {ALERTS_VARIABLE} to addresses of apprise."
        return Finding("alerts", Level.WARN, "nobody is told of anything", remedy)
    return Finding("alerts", Level.OK, "somebody is told")


def _port() -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", UI_PORT))
        except OSError:
            said = f"port {UI_PORT} is taken"
            return Finding("port", Level.WARN, said, "By the web UI itself? Else: `observatory ui --port`.")
    return Finding("port", Level.OK, f"port {UI_PORT} is free for the web UI")


def worst(findings: list[Finding]) -> Level:
    """The worst of them."""
    return max((one.level for one in findings), key=list(Level).index)


def lines(findings: list[Finding]) -> Iterator[str]:
    """A line each."""
    for one in findings:
        remedy = f" {one.remedy}" if one.remedy else ""
        yield f"{one.level:<4}  {one.what}: {one.said}.{remedy}"
