"""What is deleted by age, what never is, and a warehouse that becomes small again."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.archive import Format, Origin, new_receipt, object_path, store_chunks, write_receipt
from ingestion.captures import Capture, write_capture
from ingestion.inbox import receive_inbox
from ingestion.limits import limits_from
from ingestion.loads import LoadRecord, Verdict, merge_past_days, read_loads, write_load
from ingestion.release import release
from ingestion.retention import forget_settled_quarantine, forget_unreferenced
from ingestion.settings import Home
from ingestion.source import Kind, Request
from ingestion.waiting import open_items
from orchestration import upkeep
from orchestration.defs.maintenance import maintenance_job
from orchestration.installation import Clock, Installation
from orchestration.maintenance import delete_runs, maintain
from orchestration.session import prepare_instance
from orchestration.warehouse_file import compact, damage, put_aside_if_damaged
from tests._support.loading import NOON, drop, entries, load_tables, receive_and_load

KEEP = timedelta(days=90)


def age(path: Path, days: int = 100) -> Path:
    """Makes a file look so old at noon."""
    moment = (NOON - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))
    return path


def old_object(home: Home, content: bytes, days: int = 100) -> Path:
    return age(object_path(home, store_chunks(home, [content]).digest), days)


# --- the archive ----------------------------------------------------------------------------------


def test_only_old_objects_that_nothing_names_go(home: Home) -> None:
    drop(home, "chart_entries__vendor.csv", entries({}))
    receive_and_load(home, "chart_entries")
    named = age(next((home.archive / "objects").glob("*/*")))
    orphan, young = old_object(home, b"a manifest of yesterday"), old_object(home, b"new", days=80)
    removed = forget_unreferenced(home, NOON, KEEP)
    assert (removed.files, removed.size_bytes) == (1, len(b"a manifest of yesterday"))
    assert not orphan.exists()
    assert named.exists() and young.exists()


def test_what_captures_and_manifests_name_stays(home: Home) -> None:
    answer, watchlist = old_object(home, b"an answer"), old_object(home, b"a watchlist")
    day = NOON.date()
    request = Request("https://example.org/feed", Kind.FEED, day)
    write_capture(home, Capture("feeds", request, 200, {}, answer.name, 9, NOON))
    manifest = {
        "source": "feeds",
        "day": str(day),
        "reader": "r",
        "watchlist": watchlist.name,
        "captures": [],
    }
    stored = old_object(home, json.dumps(manifest).encode())
    receipt = new_receipt(
        Origin("feeds", "live"),
        "articles",
        stored.name,
        file_name=f"feeds {day}",
        format=Format.CAPTURES,
        now=NOON,
        day=day,
    )
    write_receipt(home, receipt)
    assert forget_unreferenced(home, NOON, KEEP).files == 0
    assert all(path.exists() for path in (answer, watchlist, stored))


def test_an_object_that_is_received_again_is_young_again(home: Home) -> None:
    """Its receipt may be about to be written."""
    path = old_object(home, b"content")
    store_chunks(home, [b"content"])
    assert forget_unreferenced(home, NOON, KEEP).files == 0
    assert path.exists()


def test_a_rejected_file_is_kept_for_a_while(home: Home) -> None:
    drop(home, "no_such_table.csv", "a,b\n1,2\n")
    receive_inbox(home, lambda: NOON)
    (path,) = (home.archive / "objects").glob("*/*")
    age(path)
    assert forget_unreferenced(home, NOON, KEEP).files == 0
    assert forget_unreferenced(home, NOON + KEEP + timedelta(days=1), KEEP).files == 1


# --- quarantine -----------------------------------------------------------------------------------


def test_quarantine_goes_when_it_is_settled_and_never_while_it_is_open(home: Home) -> None:
    drop(home, "chart_entries__vendor.csv", entries({}, {"rank": "0"}))
    (result,) = receive_and_load(home, "chart_entries")
    (path,) = (home.quarantine / "chart_entries").glob("*.parquet")
    age(path)
    assert forget_settled_quarantine(home, NOON, KEEP).files == 0
    release(home, result.record.load_id, lambda: NOON)
    load_tables(home, ["chart_entries"])
    assert forget_settled_quarantine(home, NOON, KEEP).files == 1
    (item,) = open_items(home)
    assert item.rows == 1, "what still breaks a rule is open under the release"


# --- the ledger -----------------------------------------------------------------------------------


def ledger_files(home: Home) -> list[str]:
    return sorted(path.name for path in (home.lake / "raw" / "observatory" / "loads").rglob("*.parquet"))


def two_loads(home: Home) -> list[LoadRecord]:
    for rank in ("1", "2"):
        drop(home, "chart_entries__vendor.csv", entries({"rank": rank}))
        receive_and_load(home, "chart_entries")
    return read_loads(home)


def test_loads_of_past_days_become_a_file_a_day(home: Home) -> None:
    records = two_loads(home)
    single = ledger_files(home)
    assert merge_past_days(home, NOON) == 0 and ledger_files(home) == single, "today is not over"
    tomorrow = NOON + timedelta(days=1)
    assert merge_past_days(home, tomorrow) == 0
    assert ledger_files(home) == sorted([*single, "data.parquet"]), "first in place, then the others go"
    assert read_loads(home) == records, "what is in two files counts once"
    assert merge_past_days(home, tomorrow) == 2
    assert ledger_files(home) == ["data.parquet"]
    assert read_loads(home) == records
    assert merge_past_days(home, tomorrow) == 0 and ledger_files(home) == ["data.parquet"]


def test_a_merged_load_that_is_repeated_counts_as_it_ended_last(home: Home) -> None:
    first, second = two_loads(home)
    tomorrow = NOON + timedelta(days=1)
    merge_past_days(home, tomorrow)
    again = replace(first, verdict=Verdict.HELD, started_at=first.started_at + timedelta(days=1))
    write_load(home, again)
    assert merge_past_days(home, tomorrow) == 1, "the one that is still as it was merged"
    assert read_loads(home) == [second, again]
    assert merge_past_days(home, tomorrow) == 1
    assert ledger_files(home) == ["data.parquet"]
    assert read_loads(home) == [second, again]


# --- runs -----------------------------------------------------------------------------------------


@dg.op
def work() -> None:
    """Something."""


@dg.job
def a_job() -> None:
    work()


@dg.asset
def an_asset() -> None:
    """Something that is shown."""


def test_old_runs_go_with_their_files_and_what_assets_show_stays(home: Home) -> None:
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        first = dg.materialize([an_asset], instance=instance).run_id
        newest = dg.materialize([an_asset], instance=instance).run_id
        job = a_job.execute_in_process(instance=instance).run_id
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert delete_runs(home, instance, tomorrow - timedelta(days=30)) == 0
        assert delete_runs(home, instance, tomorrow) == 2
        assert [run.run_id for run in instance.get_runs()] == [newest]
        left = {path.stem for path in (home.dagster / "history" / "runs").glob("*.db")}
        assert newest in left and not {first, job} & left
        event = instance.get_latest_materialization_event(an_asset.key)
        assert event is not None and event.run_id == newest


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
def asked_days() -> None:
    """Something that is asked day by day."""


def test_the_newest_run_of_each_partition_stays(home: Home) -> None:
    """Else the web UI would call days missing that were asked, and a click would ask for them again."""
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:

        def ask(day: str) -> str:
            return dg.materialize([asked_days], partition_key=day, instance=instance).run_id

        superseded, *newest = [ask(day) for day in ("2026-01-01", "2026-01-01", "2026-01-02", "2026-01-03")]
        assert delete_runs(home, instance, datetime.now(UTC) + timedelta(days=1)) == 1
        assert {run.run_id for run in instance.get_runs()} == set(newest)
        assert superseded not in newest
        assert instance.get_materialized_partitions(asked_days.key) == {
            "2026-01-01",
            "2026-01-02",
            "2026-01-03",
        }


# --- the warehouse --------------------------------------------------------------------------------


def build(home: Home, rows: int = 200_000) -> None:
    """A warehouse with a table, and a view that names its database, as those of dbt do."""
    home.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("create schema marts")
        con.execute(f"create table marts.numbers as select i, hash(i) as h from range({rows}) as r(i)")
        con.execute("create view marts.even as select * from warehouse.marts.numbers where i % 2 = 0")
        con.execute("comment on table marts.numbers is 'Numbers.'")


def totals(home: Home) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        return con.execute("select count(*), bit_xor(h) from marts.even").fetchall()


def test_a_warehouse_with_much_free_space_becomes_small(home: Home) -> None:
    home.root.mkdir()
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("create table dropped as select i, hash(i) as h from range(1000000) as r(i)")
    build(home)
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("drop table dropped")
    before = totals(home)
    upkeep.build_ended(home, {"nodes": {"model.a": {}}}, {"model.a": "state"}, ["model.a"])
    result = upkeep.replace_by_copy(home, lambda: compact(home))
    assert result.why_not is None
    assert result.after_bytes < result.before_bytes / 2
    assert totals(home) == before
    assert not upkeep.outdated(home, {"model.a": "state"}), "a copy need not be built again"
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        assert con.execute("select comment from duckdb_tables()").fetchall() == [("Numbers.",)]


def test_a_warehouse_without_free_space_is_left_alone(home: Home) -> None:
    build(home)
    assert "not worth a copy" in str(compact(home).why_not)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite_first_block(path: Path) -> None:
    """Where the rows are: the catalogue can still be read."""
    content = bytearray(path.read_bytes())
    content[12288 + 4096 : 12288 + 8192] = bytes(4096)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000], ids=["empty", "another file"])
def test_what_is_no_database_is_put_aside(home: Home, content: bytes) -> None:
    home.root.mkdir(parents=True)
    home.warehouse.write_bytes(content)
    home.warehouse.with_name("warehouse.duckdb.wal").write_bytes(b"log")
    told = put_aside_if_damaged(home, NOON)
    assert told is not None and "not a valid DuckDB database" in told
    aside = home.root / "warehouse.duckdb.damaged-20261120T120000Z"
    assert aside.read_bytes() == content
    assert {path.name for path in home.root.iterdir()} == {aside.name, f"{aside.name}.wal"}


def test_a_torn_warehouse_is_found_when_it_is_opened(home: Home) -> None:
    build(home)
    cut(home.warehouse)
    assert damage(home.warehouse) is not None


def test_a_block_that_does_not_read_is_found_by_reading_all(home: Home) -> None:
    build(home)
    assert damage(home.warehouse, thoroughly=True) is None
    overwrite_first_block(home.warehouse)
    assert "checksum" in str(damage(home.warehouse, thoroughly=True))


def test_a_warehouse_that_is_open_is_not_damaged(home: Home) -> None:
    build(home)
    with duckdb.connect(str(home.warehouse)):
        assert put_aside_if_damaged(home, NOON) is None
    assert home.warehouse.exists()


# --- all of it ------------------------------------------------------------------------------------


def test_a_step_that_fails_stops_no_other(home: Home) -> None:
    """Names that cannot be read are no reason to delete what they may name."""
    orphan = old_object(home, b"perhaps an answer")
    torn = home.archive / "captures" / "feeds" / "2026-11-20" / "torn.json"
    torn.parent.mkdir(parents=True)
    torn.write_text("{")
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        done = {one.step: one for one in maintain(home, instance, NOON, limits_from({}))}
    assert [name for name, one in done.items() if one.problem] == ["archive"]
    assert len(done) == 8 and orphan.exists()


def test_the_job_says_what_it_has_done(home: Home) -> None:
    resources = {"installation": Installation(home=str(home.root)), "clock": Clock(fixed=NOON.isoformat())}
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        result = maintenance_job.execute_in_process(instance=instance, resources=resources)
    assert result.success
    (output,) = [event for event in result.all_events if event.is_successful_output]
    assert "steps" in output.step_output_data.metadata
