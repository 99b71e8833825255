"""Checks an installation: whether it can work, and what to do where it cannot.

Belongs here: one small function a thing that can be wrong. Does not belong here: the health of the sources
(`ingestion.health`), and repair: nothing is changed.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from ingestion.errors import ObservatoryError
from ingestion.settings import Home
from ingestion.space import ADVICE, MEBIBYTE, room

UI_PORT = 3000
REMOTE_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs"}
PROJECT = "migration-observatory"


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
    looks: dict[str, Callable[[], Finding]] = {
        "home": lambda: _writable(home),
        "disk": lambda: _space(home),
        "versions": _versions,
        "file system": lambda: _file_system(home),
        "run history": lambda: _run_history(environ),
        "locks": lambda: _locks(home),
        "dbt project": _manifest,
        "warehouse": lambda: _warehouse(home),
        "published": lambda: _published(home),
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
        return Finding(what, Level.FAIL, error.problem, error.remedy)
    except (OSError, ValueError) as error:
        return Finding(what, Level.FAIL, f"{type(error).__name__}: {error}", "Check disk and permissions.")


def _writable(home: Home) -> Finding:
    there = next(path for path in (home.root, *home.root.parents) if path.exists())
    if there != home.root:
        can = os.access(there, os.W_OK)
        said = f"{home.root} is not there yet"
        remedy = "The first run makes it." if can else f"Let this user write to {there}."
        return Finding("home", Level.WARN if can else Level.FAIL, said, remedy)
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


def _run_history(environ: Mapping[str, str]) -> Finding:
    from orchestration.storage import check_server, place_of, postgres_url

    url = postgres_url(environ)  # raises, as the next does, where run history cannot be kept
    if url is None:
        return Finding("run history", Level.OK, "in SQLite, in the home")
    return Finding("run history", Level.OK, f"in PostgreSQL {check_server(url)} at {place_of(url)}")


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
