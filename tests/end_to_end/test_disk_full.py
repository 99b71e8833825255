"""The disk gets full at every stretch of the way: it is said clearly, nothing is torn, and space heals it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.archive import object_path
from ingestion.captures import captures_of
from ingestion.errors import DiskFullError
from ingestion.fetch import fetch
from ingestion.inbox import pending
from ingestion.load import load_pending
from ingestion.loads import read_loads
from ingestion.settings import Home
from ingestion.source import Window
from ingestion.sources import SOURCES
from orchestration.installation import Clock
from orchestration.publish import STEPS, publish
from orchestration.session import run_main_job
from tests._support import fake_source
from tests._support.asking import DAY, WATCHLIST, Sleeper, client_of
from tests._support.disturbed import copy_of, every_file_can_be_read, home_with_news, loaded_copy, partitions
from tests._support.full_disks import (
    MEBIBYTE,
    empty,
    fill,
    full_while_asking,
    full_while_loading,
    small_file_system,
)
from tests._support.killing import TABLES, run_all
from tests._support.loading import drop, files, lake_rows
from tests._support.publishing import MODELS, NOON, build_warehouse, generation_in, publish_at, read
from tests._support.upstream import Upstream

SMALL = 48
"""MiB: enough for a small home, and for what is written beside it."""
FILLS = ("a full file system", "no file may grow")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system, empty."""
    with small_file_system(tmp_path / "disk", SMALL) as place:
        yield place


def disk_for(how: str, request: pytest.FixtureRequest) -> Path | None:
    """The file system to fill, where there is one."""
    if how != FILLS[0]:
        return None
    place: Path = request.getfixturevalue("disk")
    return place


def is_told(said: list[str], *names: str) -> bool:
    """Whether it is said that the disk is full, for which of `names`, and what to do."""
    return any("the disk is full" in one and "Make space" in one and one.startswith(names) for one in said)


# --- receiving and loading ------------------------------------------------------------------------

LOADING = [
    ("archived", 1),
    ("received", 1),
    ("removed", 1),
    ("started", 1),
    ("parsed", 1),
    ("checked", 1),
    ("quarantined", 1),
    ("partition_written", 1),
    ("partition_written", 4),
    ("partition_removed", 1),
    ("ledger_written", 1),
    ("settled", 1),
]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home_with_news(tmp_path_factory.mktemp("before"))


@pytest.fixture(scope="module")
def after(before: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return loaded_copy(before, tmp_path_factory.mktemp("after"))


@pytest.mark.parametrize("how", FILLS)
@pytest.mark.parametrize(("step", "time"), LOADING, ids=[f"{step}_{time}" for step, time in LOADING])
def test_a_disk_that_fills_while_files_are_received_and_loaded(
    before: Home,
    after: Home,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    how: str,
    step: str,
    time: int,
) -> None:
    disk = disk_for(how, request)
    home = copy_of(before, disk or tmp_path)
    said = full_while_loading(home, disk, step, time)
    assert said is not None, "the step was not reached"
    assert is_told(said, "inbox", "raw/", "chart_entries.csv", "fx_rates__new.csv"), said

    every_file_can_be_read(home)
    old, new, seen = partitions(before), partitions(after), partitions(home)
    assert all(content in (old.get(path), new.get(path)) for path, content in seen.items())
    assert seen.keys() >= old.keys() & new.keys()
    assert all(r.rows_in == r.rows_published + r.rows_quarantined for r in read_loads(home))

    if disk:
        empty(disk)
    run_all(home)
    assert files(home.lake) == files(after.lake)
    assert files(home.quarantine) == files(after.quarantine)
    assert files(home.inbox) == files(after.inbox)
    assert files(home.archive) == files(after.archive)
    assert read_loads(home) == read_loads(after)
    assert [receipt for table in TABLES for receipt in pending(home, table)] == []


# --- asking an upstream ---------------------------------------------------------------------------


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with Upstream() as server:
        monkeypatch.setitem(SOURCES, fake_source.SOURCE.name, fake_source.SOURCE)
        yield server


def asked_and_loaded(home: Home, upstream: Upstream) -> list[tuple[object, ...]]:
    """The day in the lake, after asking a server that behaves."""
    clock, client = Sleeper(), client_of(upstream.url)
    source = upstream.watch(fake_source.SOURCE, fake_source.answer)
    result = fetch(home, source, Window(DAY, DAY), watchlist=WATCHLIST, client=client, now=clock.now)
    client.close()
    assert result.missing == ()
    for table in ("articles", "article_mentions"):
        load_pending(home, table, WATCHLIST.ids(), clock.now)
    return lake_rows(home, "articles", "article_id, title, observed_at, provenance")


@pytest.mark.parametrize("how", FILLS)
@pytest.mark.parametrize("time", [2, 7, 14, 19])
def test_a_disk_that_fills_while_an_upstream_is_asked(
    home: Home, upstream: Upstream, tmp_path: Path, request: pytest.FixtureRequest, how: str, time: int
) -> None:
    undisturbed = asked_and_loaded(home, upstream)
    disk = disk_for(how, request)
    other = Home((disk or tmp_path) / "other")
    said = full_while_asking(other, disk, upstream.url, DAY, time)
    assert said is not None, "the moment was not reached"
    assert is_told(said, fake_source.SOURCE.name), said
    assert str(DAY) in " ".join(said)
    for capture in captures_of(other, fake_source.SOURCE.name, DAY):
        assert object_path(other, capture.digest).stat().st_size == capture.size_bytes
    if disk:
        empty(disk)
    assert asked_and_loaded(other, upstream) == undisturbed


# --- publishing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["compared", "copied"])
def test_a_disk_that_fills_while_publishing(disk: Path, step: str) -> None:
    assert step in STEPS
    home = Home(disk / "home")
    build_warehouse(home, 1)
    first = publish_at(home)
    build_warehouse(home, 2)
    with duckdb.connect(str(home.published_database), read_only=True) as reader:
        with pytest.raises(DiskFullError) as told:
            publish(home, MODELS, NOON, lambda done: fill(disk) if done == step else None)
        assert is_told([str(told.value)], "publish (published)")
        assert generation_in(reader) == read(home) == 1
    assert [path.name for path in (home.published / "versions").iterdir()] == [first.version]
    empty(disk)
    assert publish_at(home, 1).created
    assert read(home) == 2


# --- a whole run ----------------------------------------------------------------------------------

HEADER = (
    "statement_id,subject_type,subject_id,platform_id,metric,geography,observed_date,date_precision,"
    "value,value_bound,unit,provider\n"
)
ROW = "V1,platform,lemon8,lemon8,dau,US,2025-01-20,day,2000000,=,users,Example Vendor\n"
RUN_DISK = 160
THEN = {"clock": Clock(fixed="2030-01-01T12:00:00+00:00")}
"""Both homes receive the file at the same moment, so that its load has the same name."""


def marts(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """All that is published."""
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
        return {name: connection.execute(f"from marts.{name} order by all").fetchall() for name in tables}


def dropped(home: Home) -> Home:
    """A home in whose inbox a file of one row lies."""
    drop(home, "published_metrics__late.csv", HEADER + ROW)
    return home


def run_filling(home: Home, disk: Path, at: str, left: int) -> str:
    """Runs, with so many bytes left from the start of a step on; gives what is said of it."""

    def report(step: str, status: str) -> None:
        if (step, status) == (at, "started"):
            fill(disk, left)

    try:
        outcome = run_main_job(home, cases=[], report=report, resource_overrides=THEN)
    except DiskFullError as error:
        return str(error)
    finally:
        empty(disk)
    assert not outcome.published
    return "\n".join(outcome.failures)


@pytest.mark.thorough
def test_a_disk_that_fills_again_and_again_during_whole_runs(case_home: Home, tmp_path: Path) -> None:
    """While nothing at all can be written, not even run history; while dbt builds; while publishing."""
    with small_file_system(tmp_path / "disk", RUN_DISK) as disk:
        home = dropped(copy_of(case_home, disk))
        published = marts(home)
        version = home.published_database.resolve()
        for step, left in (("inbox", 0), ("dbt_build", MEBIBYTE), ("observatory", 2 * MEBIBYTE)):
            said = run_filling(home, disk, step, left)
            assert "the disk is full" in said and "Make space" in said, said
            assert step in said or "publish" in said, said
            assert home.published_database.resolve() == version
            assert marts(home) == published
        assert run_main_job(home, cases=[], resource_overrides=THEN).published
        undisturbed = dropped(copy_of(case_home, tmp_path))
        assert run_main_job(undisturbed, cases=[], resource_overrides=THEN).published
        assert marts(home) == marts(undisturbed) != published
        (load,) = [load for load in read_loads(home) if load.source == "import"]
        assert (load.verdict, load.rows_in, load.rows_published) == ("published", 1, 1)
