"""Publishing: the public marts as a versioned DuckDB file of their own, with a Parquet file each.

Belongs here: how a version is built, tested, shown and deleted. Does not: which models are public (dbt's
manifest says), when publishing happens (`defs`), what the tables hold (dbt), and how two states of a table
are told apart (`table_content`).

    observatory.duckdb -> published/current/observatory.duckdb     made once
    parquet            -> published/current/parquet                made once
    published/current  -> versions/<instant>-<digest>              the one link that is flipped
    published/versions/<instant>-<digest>/observatory.duckdb, parquet/<model>.parquet

A large mart of days is a folder of that name, with a file a month: `parquet/<model>.parquet/2025-01.parquet`.

A version is complete, on disk and tested before `current` names it, and it is never written again. A
process killed at any point leaves `current` on a whole version; what it began is removed by the next
publish. Whoever reads several Parquet files of one state resolves the link first, and once.

A version begins as a copy of the current one's database, in which only what differs is replaced: tables, and
single days of tables that dbt builds by day. Parquet files whose rows stayed the same are hard links to
the current version's. What the current version holds is noted (`_note`), with the sizes and times of its
files; of a table built by day only days that dbt rebuilt since are read. Whatever speaks against that note,
or that it is missing, as after maintenance (`distrust`), makes all of it be read, and a version be built
from the warehouse alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from ingestion.effects import remove_durably, write_durably
from ingestion.errors import PublishError
from ingestion.settings import Home
from ingestion.space import full_disk, is_full
from ingestion.sql import quoted
from orchestration.table_content import (
    SCHEMA,
    Content,
    Table,
    changed_days,
    from_json,
    in_days,
    read_back,
    read_contents,
    relation,
    table_comments,
    text,
    to_json,
)

DICTIONARY = "data_dictionary"
STEPS = ("compared", "copied", "checkpointed", "synced", "renamed", "smoke_tested", "flipped", "cleaned")
KEEP_COUNT = 5
KEEP_AGE = timedelta(hours=24)

# Part of every digest. Raise it when a version's form changes: the same rows are then published again.
LAYOUT = 2
# The oldest form that DuckDB 1.5 can write and read; 2.x reads and writes it too.
_STORAGE_VERSION = "v1.5.0"
_MEMORY_LIMIT = "1GB"
_MOST_FREE = 0.5
"""A database of which more is free is not copied on: the next version is built anew, and small."""
MOST_ROWS_A_FILE = 1_000_000
"""A mart of days with more rows has a file a month: one more day need not write ten years of them again."""
_LOCK_TIMEOUT_SECONDS = 300
_INSTANT = "%Y%m%dT%H%M%S.%fZ"
_VERSION_ID = re.compile(r"(?P<instant>\d{8}T\d{6}\.\d{6}Z)-(?P<digest>[0-9a-f]{12})")
_FILE_SAFE = re.compile(r"\w[\w .-]*")
_DATABASE = "observatory.duckdb"
_SOURCE = "publish"


@dataclass(frozen=True)
class Version:
    """One published state: a folder of `published/versions`, made at `made_at` (UTC)."""

    id: str
    path: Path
    made_at: datetime
    digest: str


@dataclass(frozen=True)
class PublishedTable:
    """A mart of a version, and its size."""

    name: str
    rows: int
    columns: int


@dataclass(frozen=True)
class Publication:
    """What a publish did.

    `created` is False when the current version already held the same content: `version` and `path` are
    then the current ones, and nothing was flipped. `seconds` has one entry a step that was taken (`STEPS`).
    """

    version: str
    path: Path
    created: bool
    tables: tuple[PublishedTable, ...]
    size_bytes: int
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class _Known:
    """The current version, whose files are as its publish left them, and what it holds."""

    version: Version
    contents: Mapping[str, Content]


class _Phases:
    """Times each step, then tells it to whoever listens."""

    def __init__(self, step: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._step = step
        self._since = time.perf_counter()

    def done(self, name: str) -> None:
        self.seconds[name] = time.perf_counter() - self._since
        self._step(name)
        self._since = time.perf_counter()


def _nobody_listens(step: str) -> None:
    """The default of `publish(step=...)`."""


def publish(
    home: Home,
    models: Sequence[str],
    now: datetime,
    step: Callable[[str], None] = _nobody_listens,
    *,
    days: Mapping[str, str] | None = None,
) -> Publication:
    """Shows the tables `marts.<model>` of the warehouse to readers, all of them in one step.

    `now` is an aware instant; it names the version and ages the old ones. `days` gives the column of the day
    of models that dbt builds by day: of them, only days that were rebuilt are read. `step` is called with
    each name of `STEPS` once that step is done; an unchanged warehouse takes the first and the last only.
    Nobody may write the warehouse meanwhile, not even this process: after a run of dbt in process the file is
    open until `dbt.close_warehouse`. Raises PublishError, and leaves what is
    published as it was, if the warehouse cannot be read, a model is missing, or the new version is not what
    was copied; and `DiskFullError` likewise.
    """
    if now.tzinfo is None:
        raise ValueError("publish needs an aware instant")
    names = tuple(sorted(set(models)))
    _refuse_unusable(names)
    try:
        home.locks.mkdir(parents=True, exist_ok=True)
        with FileLock(home.locks / "publish.lock", timeout=_LOCK_TIMEOUT_SECONDS):
            return _publish(home, names, days or {}, now.astimezone(UTC), _Phases(step))
    except Timeout as error:
        raise PublishError(
            f"another publish has held {error.lock_file} for {_LOCK_TIMEOUT_SECONDS} s",
            source=_SOURCE,
            remedy="Wait for it to end, or end its process, and publish again",
        ) from error
    except (duckdb.Error, OSError) as error:
        if is_full(error, home):
            raise full_disk(home, _SOURCE, home.published.name) from error
        raise PublishError(
            _first_line(error),
            source=_SOURCE,
            remedy=f"Check space and permissions of {home.published} and publish again; readers keep the "
            "state that they have",
        ) from error


def current_version(home: Home) -> Version | None:
    """The version that readers see now; None before the first publish."""
    link = home.published / "current"
    return _version(link.parent / link.readlink()) if link.is_symlink() else None


def expired(versions: Sequence[Version], current: Version, now: datetime) -> list[Version]:
    """The versions to delete: older than the last five, and out of sight for a day.

    A version is out of sight since its successor was made. The current one always stays.
    """
    ordered = sorted(versions, key=lambda version: version.made_at)
    older = list(pairwise(ordered))[: max(0, len(ordered) - KEEP_COUNT)]
    return [
        version
        for version, successor in older
        if version.id != current.id and now - successor.made_at >= KEEP_AGE
    ]


def delete_expired(home: Home, now: datetime) -> list[Version]:
    """Deletes the versions that are `expired`, as every publish does; gives them."""
    versions = home.published / "versions"
    if current_version(home) is None:
        return []
    with FileLock(home.locks / "publish.lock", timeout=_LOCK_TIMEOUT_SECONDS):
        current = current_version(home)  # again: another publish may just have ended
        gone = expired(_versions(versions), current, now) if current else []
        for old in gone:
            _delete(old.path)
    return gone


def distrust(home: Home) -> None:
    """Makes the next publish read all of the warehouse and of the current version."""
    remove_durably(_note_of(home))


def _publish(
    home: Home, models: tuple[str, ...], days: Mapping[str, str], now: datetime, phases: _Phases
) -> Publication:
    """What `publish` does while it holds the lock."""
    versions = home.published / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    _sweep(versions)
    known = _known(home)
    try:
        with _engine(versions) as con:
            _attach_warehouse(con, home.warehouse)
            contents = _wanted(con, models, days, known)
            same = _current_with(con, home, contents, known)
            version = same or _next_version(versions, now, _digest(contents))
            _make_fixed_links(home)
            phases.done("compared")
            if same is None:
                distrust(home)  # whatever goes wrong from here on, the next publish trusts nothing
                before = _build(con, _building(version), contents, known, phases)
        # The warehouse is free again: what follows reads the copy.
        if same is None:
            _show(home, version, contents, before, phases)
        if known is None or same is None or known.contents != contents:
            _note(home, version, contents)
        for old in expired(_versions(versions), version, now):
            _delete(old.path)
        phases.done("cleaned")
    finally:
        _sweep(versions)
    return Publication(
        version=version.id,
        path=version.path,
        created=same is None,
        tables=tuple(
            PublishedTable(name, content.table.rows.count, len(content.table.columns))
            for name, content in contents.items()
        ),
        size_bytes=sum(path.stat().st_size for path in version.path.rglob("*") if path.is_file()),
        seconds=phases.seconds,
    )


# --- versions and links -----------------------------------------------------------------------------------


def _version(path: Path) -> Version | None:
    """The version in the folder `path`; None if there is no such folder or it is not one of ours."""
    named = _VERSION_ID.fullmatch(path.name)
    if named is None or not path.is_dir():
        return None
    made_at = datetime.strptime(named["instant"], _INSTANT).replace(tzinfo=UTC)
    return Version(path.name, path, made_at, named["digest"])


def _versions(folder: Path) -> list[Version]:
    return [version for path in folder.iterdir() if (version := _version(path)) is not None]


def _next_version(folder: Path, now: datetime, digest: str) -> Version:
    """A version younger than all others, even when the clock was set back: names sort as they were made."""
    made_at = max([now, *(version.made_at + timedelta(microseconds=1) for version in _versions(folder))])
    name = f"{made_at.strftime(_INSTANT)}-{digest}"
    return Version(name, folder / name, made_at, digest)


def _building(version: Version) -> Path:
    """Where a version is built: beside its final place, under a name that `_sweep` removes."""
    return version.path.with_name(f".building-{version.id}")


def _delete(folder: Path) -> None:
    """Renames first, so that a process killed half-way leaves no half version under a version's name."""
    hidden = folder.with_name(f".deleting-{folder.name}")
    folder.rename(hidden)
    shutil.rmtree(hidden)


def _sweep(versions: Path) -> None:
    """Removes what killed runs left. Only the holder of the lock may call it: nobody else's work is here."""
    for path in versions.iterdir():
        if path.name.startswith("."):
            shutil.rmtree(path)


def _point(link: Path, target: Path) -> None:
    """Makes `link` a link to `target` in one step. Relative, so that a moved home still works."""
    fresh = link.with_name(f".{link.name}.next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(target, link.parent))
    fresh.replace(link)
    _sync(link.parent)


def _make_fixed_links(home: Home) -> None:
    """The names that people know. They lead through `current`, so a flip never touches them."""
    current = home.published / "current"
    for link, target in (
        (home.published_database, current / _DATABASE),
        (home.published_parquet, current / "parquet"),
    ):
        if link.is_symlink() and link.parent / link.readlink() == target:
            continue
        if link.exists() and not link.is_symlink():
            raise PublishError(
                f"{link} is not a link, so it is not ours to replace",
                source=_SOURCE,
                remedy="Move it away and publish again",
            )
        _point(link, target)


def _sync(path: Path) -> None:
    """Asks the disk to keep a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- what is known of the current version -----------------------------------------------------------------


def _note_of(home: Home) -> Path:
    return home.dbt_target / "published_contents.json"


def _note(home: Home, version: Version, contents: Mapping[str, Content]) -> None:
    """Writes down what the current version holds, and how its files stand.

    It is written after the flip, and is of no use to any other version: a kill in between costs time only.
    """
    said = {
        "form": _form(),
        "version": version.id,
        "files": _files(version.path),
        "contents": [to_json(content) for content in contents.values()],
    }
    write_durably(_note_of(home), json.dumps(said).encode())


def _known(home: Home) -> _Known | None:
    """What was noted of the current version; None if that is not sure, or its files changed since."""
    version = current_version(home)
    try:
        said = json.loads(_note_of(home).read_bytes())
        if version is None or [said["form"], said["version"]] != [_form(), version.id]:
            return None
        if said["files"] != _files(version.path):
            return None
        contents = [from_json(content) for content in said["contents"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # never written, or by somebody else
        return None
    return _Known(version, {content.table.name: content for content in contents})


def _form() -> list[str]:
    """What a version must be made by for the next one to begin as a copy of it; hashes differ by engine."""
    return [str(LAYOUT), _STORAGE_VERSION, duckdb.__version__]


def _files(folder: Path) -> dict[str, list[int]]:
    """The size and the time of change of every file of a version."""
    found = {}
    for path in folder.rglob("*"):
        if not path.is_dir():
            status = path.lstat()
            found[path.relative_to(folder).as_posix()] = [status.st_size, status.st_mtime_ns]
    return found


# --- building and showing ---------------------------------------------------------------------------------


def _build(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    contents: Mapping[str, Content],
    known: _Known | None,
    phases: _Phases,
) -> Mapping[str, Content]:
    """Makes a database and Parquet files under `folder`; leaves no write-ahead log.

    Gives what was there to begin with, of the version that is known: nothing, if it was made from nothing.
    """
    (folder / "parquet").mkdir(parents=True)
    base = known if known and _attach_copy(con, known.version, folder) else None
    before = base.contents if base else {}
    if base is None:
        con.execute(f"ATTACH {text(folder / _DATABASE)} AS built (STORAGE_VERSION '{_STORAGE_VERSION}')")
    # One transaction: each by itself would be brought to disk, hundreds of comments among them.
    con.execute("BEGIN")
    con.execute(f"CREATE SCHEMA IF NOT EXISTS built.{quoted(SCHEMA)}")
    for name in before.keys() - contents.keys():
        con.execute(f"DROP TABLE {relation('built', name)}")
    for name, content in contents.items():
        _put(con, content, before.get(name))
    _describe(con, contents)
    con.execute("COMMIT")
    for name, content in contents.items():
        _write_parquet(con, folder, content, base.version.path if base else None, before.get(name))
    phases.done("copied")
    con.execute("CHECKPOINT built")
    con.execute("DETACH built")
    phases.done("checkpointed")
    return before


def _attach_copy(con: duckdb.DuckDBPyConnection, version: Version, folder: Path) -> bool:
    """Begins with a copy of the version's database; False, and no copy, if it is mostly free blocks."""
    copy = folder / _DATABASE
    shutil.copyfile(version.path / _DATABASE, copy)
    con.execute(f"ATTACH {text(copy)} AS built")
    [(free, total)] = con.execute(
        "SELECT free_blocks, total_blocks FROM pragma_database_size() WHERE database_name = 'built'"
    ).fetchall()
    if free <= _MOST_FREE * total:
        return True
    con.execute("DETACH built")
    copy.unlink()
    return False


def _put(con: duckdb.DuckDBPyConnection, content: Content, before: Content | None) -> None:
    """Makes the built table hold `content`, where it holds `before`.

    A day that is replaced goes to the end of the table, as it does in the warehouse.
    """
    table = content.table
    if before and before.table == table:
        return
    days = changed_days(before, content) if before else None
    if days is None or content.by_day is None:
        if before:
            con.execute(f"DROP TABLE {relation('built', table.name)}")
        _copy(con, table)
    else:
        chosen = in_days(content.by_day.column, days)
        con.execute(f"DELETE FROM {relation('built', table.name)} WHERE {chosen}")
        con.execute(
            f"INSERT INTO {relation('built', table.name)} "
            f"FROM {relation('warehouse', table.name)} WHERE {chosen}"
        )


def _write_parquet(
    con: duckdb.DuckDBPyConnection, folder: Path, content: Content, old: Path | None, before: Content | None
) -> None:
    """The files of a built table; where rows are as `before`, links to those of the `old` version."""
    if before and before.table == content.table:
        days: set[str] | None = set()
    else:
        days = changed_days(before, content) if before else None
    for part in _parts(content):
        target = folder / part.file
        target.parent.mkdir(exist_ok=True)
        changed = days is None or any(day.startswith(part.month) for day in days)
        if changed or old is None or not _link(old / part.file, target):
            con.execute(
                f"COPY (FROM {relation('built', content.table.name)} WHERE {part.condition}) "
                f"TO {text(target)} (FORMAT parquet, COMPRESSION zstd)"
            )


def _link(old: Path, new: Path) -> bool:
    """Gives a file a second name; False where that cannot be, as on file systems without such names."""
    try:
        os.link(old, new)
    except OSError:
        return False
    return True


def _copy(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """One table: rows in their order, types, NOT NULL and comments."""
    copy = relation("built", table.name)
    con.execute(f"CREATE TABLE {copy} AS FROM {relation('warehouse', table.name)}")
    if table.comment is not None:
        con.execute(f"COMMENT ON TABLE {copy} IS {text(table.comment)}")
    for column in table.columns:
        name = quoted(column.name)
        if not column.nullable:
            con.execute(f"ALTER TABLE {copy} ALTER COLUMN {name} SET NOT NULL")
        if column.comment is not None:
            con.execute(f"COMMENT ON COLUMN {copy}.{name} IS {text(column.comment)}")


_DICTIONARY_COMMENT = (
    "What is published here. One row per table (column_name is NULL), and one per column of it."
)
_DICTIONARY_COLUMNS = {
    "table_name": "Public table, in the schema marts.",
    "column_name": "Column of the table; NULL in the row that describes the table itself.",
    "data_type": "DuckDB type of the column; NULL in the row that describes the table itself.",
    "description": "What the table or column holds: its grain, unit and zone.",
}


def _dictionary_rows(contents: Mapping[str, Content]) -> list[tuple[str, str | None, str | None, str | None]]:
    """Each table, followed by its columns in their order."""
    rows: list[tuple[str, str | None, str | None, str | None]] = []
    for content in contents.values():
        table = content.table
        rows.append((table.name, None, None, table.comment))
        rows.extend((table.name, column.name, column.type, column.comment) for column in table.columns)
    return rows


def _describe(con: duckdb.DuckDBPyConnection, contents: Mapping[str, Content]) -> None:
    """The data dictionary, as a view over constants.

    A view over DuckDB's own catalogue would mix in the tables of whatever else a reader has attached.
    """
    view = relation("built", DICTIONARY)
    rows = ", ".join(f"({', '.join(map(text, row))})" for row in _dictionary_rows(contents))
    columns = ", ".join(f"{name}::VARCHAR AS {name}" for name in _DICTIONARY_COLUMNS)
    names = ", ".join(_DICTIONARY_COLUMNS)
    con.execute(
        f"CREATE OR REPLACE VIEW {view} AS SELECT {columns} FROM (VALUES {rows}) AS described({names})"
    )
    con.execute(f"COMMENT ON VIEW {view} IS {text(_DICTIONARY_COMMENT)}")
    for name, comment in _DICTIONARY_COLUMNS.items():
        con.execute(f"COMMENT ON COLUMN {view}.{name} IS {text(comment)}")


def _show(
    home: Home,
    version: Version,
    contents: Mapping[str, Content],
    before: Mapping[str, Content],
    phases: _Phases,
) -> None:
    """Brings a built version to disk and to its place, tests it there, and flips the link to it."""
    building = _building(version)
    for path in sorted(building.rglob("*"), reverse=True):  # what a folder holds before the folder
        _sync(path)
    _sync(building)
    phases.done("synced")
    building.rename(version.path)
    _sync(version.path.parent)
    phases.done("renamed")
    with _engine(version.path.parent) as con:
        flaw = _flaw(con, version.path, contents, before)
    if flaw is not None:
        _delete(version.path)
        raise PublishError(
            f"the new version {version.id} does not read back as what was copied: {flaw}",
            source=_SOURCE,
            remedy="Check the disk and publish again; readers keep the state that they have",
        )
    phases.done("smoke_tested")
    _point(home.published / "current", version.path)
    phases.done("flipped")


# --- what a database holds --------------------------------------------------------------------------------


def _engine(versions: Path) -> duckdb.DuckDBPyConnection:
    """An empty DuckDB of this publish alone, to attach files to; it spills into a folder that is swept."""
    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": _MEMORY_LIMIT,
            "temp_directory": str(versions / ".spill"),
            "autoinstall_known_extensions": "false",
        },
    )


def _attach_warehouse(con: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    if not warehouse.is_file():
        raise PublishError(
            f"there is no warehouse at {warehouse}",
            source=_SOURCE,
            remedy="Run `observatory run` to build it",
        )
    try:
        con.execute(f"ATTACH {text(warehouse)} AS warehouse (READ_ONLY)")
    except duckdb.Error as error:
        problem = _first_line(error)
        # DuckDB has no error class of its own for a file that another process, or this one, is writing.
        if "Could not set lock" in problem or "Unique file handle conflict" in problem:
            remedy = "Wait until the build has ended and closed the warehouse, and publish again"
        else:
            remedy = "Move the file away and run `observatory run`, which builds it again from the lake"
        raise PublishError(
            f"the warehouse {warehouse} cannot be read: {problem}", source=_SOURCE, remedy=remedy
        ) from error


def _wanted(
    con: duckdb.DuckDBPyConnection, models: tuple[str, ...], days: Mapping[str, str], known: _Known | None
) -> dict[str, Content]:
    """What the warehouse's tables of these names hold."""
    missing = sorted(set(models) - set(table_comments(con, "warehouse")))
    if missing:
        raise PublishError(
            f"the warehouse has no table for {', '.join(f'{SCHEMA}.{name}' for name in missing)}",
            source=_SOURCE,
            remedy="Build all public models, as tables, and publish again",
        )
    return read_contents(con, "warehouse", models, days, known.contents if known else {})


def _current_with(
    con: duckdb.DuckDBPyConnection, home: Home, contents: Mapping[str, Content], known: _Known | None
) -> Version | None:
    """The current version if it shows this content, whole.

    A version that was damaged, or that somebody opened for writing, counts as another: a new one heals it.
    """
    version = current_version(home)
    if version is None or version.digest != _digest(contents):
        return None
    if known is None and _flaw(con, version.path, contents, {}):
        return None
    return version


def _flaw(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    contents: Mapping[str, Content],
    before: Mapping[str, Content],
) -> str | None:
    """What is wrong with a version that should show `contents`; None if nothing is.

    Reads all that differs from `before`, and no more than the numbers of the rows that were copied with it.
    """
    parquet = {folder / part.file: part.rows for content in contents.values() for part in _parts(content)}
    if {path for path in folder.rglob("*") if not path.is_dir()} != {folder / _DATABASE, *parquet}:
        return "a file is missing, or one too many"
    try:
        con.execute(f"ATTACH {text(folder / _DATABASE)} AS published (READ_ONLY)")
        if read_back(con, "published", contents, before) != {
            name: content.table for name, content in contents.items()
        }:
            return "its tables differ"
        rows = con.execute(f"SELECT count(*) FROM {relation('published', DICTIONARY)}").fetchall()
        if rows != [(len(_dictionary_rows(contents)),)]:
            return "its data dictionary differs"
        for path, count in con.execute(
            f"SELECT file_name, num_rows FROM parquet_file_metadata([{', '.join(map(text, parquet))}])"
        ).fetchall():
            if parquet[Path(path)] != count:
                return f"{Path(path).relative_to(folder)} has another number of rows"
    except duckdb.Error as error:
        return _first_line(error)
    return None


def _digest(contents: Mapping[str, Content]) -> str:
    """Twelve hexadecimal digits that name a content."""
    tables = tuple(content.table for content in contents.values())
    return hashlib.sha256(repr((LAYOUT, tables)).encode()).hexdigest()[:12]


# --- names and words --------------------------------------------------------------------------------------


def _refuse_unusable(models: tuple[str, ...]) -> None:
    """Only names that can be a table and a file beside the dictionary."""
    unusable = [name for name in models if name == DICTIONARY or not _FILE_SAFE.fullmatch(name)]
    if unusable or not models:
        raise PublishError(
            f"these models cannot be published: {', '.join(unusable)}" if models else "no model is public",
            source=_SOURCE,
            remedy="Check the list of public models",
        )


@dataclass(frozen=True)
class _Part:
    """A Parquet file of a version: with all rows of a table (`month` is empty), or those of a month."""

    file: Path
    month: str
    rows: int
    condition: str


def _parts(content: Content) -> list[_Part]:
    """The files that a table is shown in."""
    file, by_day = Path("parquet", f"{content.table.name}.parquet"), content.by_day
    if by_day is None or content.table.rows.count <= MOST_ROWS_A_FILE:
        return [_Part(file, "", content.table.rows.count, "true")]
    months: dict[str, int] = {}
    for day, rows in sorted(by_day.days.items()):
        months[day[:7]] = months.get(day[:7], 0) + rows.count
    day, first = quoted(by_day.column), "DATE '{}-01'"
    within = f"{day} >= {first} AND {day} < CAST({first} + INTERVAL 1 MONTH AS DATE)"
    return [
        _Part(file / f"{month}.parquet", month, rows, within.format(month, month))
        for month, rows in months.items()
        if rows
    ]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
