"""From receipt to lake: verdicts, ownership of days, loading twice, and checking again."""

from __future__ import annotations

import fcntl
import json
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from ingestion import data_docs, lake
from ingestion.archive import object_path, receipts
from ingestion.contract import WatchedIds
from ingestion.inbox import pending, receive_inbox, receive_path, receive_watchlist
from ingestion.lake import count_rows, sample_rows
from ingestion.load import LoadResult, load_pending
from ingestion.loads import LEDGER_COLUMNS, LoadRecord, Verdict, read_loads
from ingestion.quarantine import batch_path, rows_path
from ingestion.settings import CASES, WATCHLIST, Home
from ingestion.tables import RAW_TABLES
from tests._support.loading import (
    ENTRY,
    LIVE_ONLY,
    NOON,
    RATE,
    WATCHED,
    Ticking,
    csv_text,
    drop,
    drop_case,
    entries,
    files,
    lake_rows,
    load_tables,
    real_watched,
    receive_and_load,
    standing,
)

ENTRIES = "chart_entries"


def load_entries(home: Home, *changes: dict[str, str], clock: Ticking | None = None) -> list[LoadResult]:
    """Drops `chart_entries.csv` with these rows and loads it."""
    drop(home, "chart_entries.csv", entries(*changes))
    return receive_and_load(home, ENTRIES, clock=clock)


def in_lake(home: Home) -> list[tuple[object, ...]]:
    return lake_rows(home, ENTRIES, "capture_id, rank, app_name")


def days(home: Home, source: str, table_name: str = ENTRIES) -> list[str]:
    return sorted(path.name for path in (home.lake / "raw" / source / table_name).glob("day=*"))


# --- verdicts -------------------------------------------------------------------------------------


def test_good_rows_are_published_with_where_they_come_from(home: Home) -> None:
    (result,) = load_entries(home, {}, {"rank": "2", "store_date": "2025-01-14"})
    record = result.record
    assert (record.verdict, record.reason, record.days) == ("published", None, 2)
    assert (record.rows_in, record.rows_published, record.rows_quarantined) == (2, 2, 0)
    noon = NOON.replace(tzinfo=None)
    assert lake_rows(home, ENTRIES, "rank, load_id, source, observed_at, provenance") == [
        (1, record.load_id, "import", noon, "import"),
        (2, record.load_id, "import", noon, "import"),
    ]
    assert days(home, "import") == ["day=2025-01-13", "day=2025-01-14"]
    assert read_loads(home) == [record]
    assert pending(home, ENTRIES) == []
    assert not result.is_owed
    assert result.sample == ()


def test_broken_rows_go_to_quarantine_and_the_others_are_published(home: Home) -> None:
    formula = '=HYPERLINK("x")'
    (result,) = load_entries(
        home, {}, {"rank": "0"}, {"rank": "two", "app_name": formula}, {"rank": "4", "app_name": formula}
    )
    record = result.record
    assert record.verdict == "published_with_quarantine"
    assert (record.rows_in, record.rows_published, record.rows_quarantined) == (4, 2, 2)
    assert "rank is not between 1 and 1000 (1)" in str(record.reason)
    assert in_lake(home) == [("c1", 1, "REDnote"), ("c1", 4, formula)]
    kept = duckdb.execute(
        f"SELECT row_number, reasons, \"row\" ->> 'rank', load_id, source, file_name "
        f"FROM '{rows_path(home, ENTRIES, record.load_id)}'"
    ).fetchall()
    assert kept == [
        (2, ["rank is not between 1 and 1000"], "0", record.load_id, "import", "chart_entries.csv"),
        (3, ["rank is not a whole number"], "two", record.load_id, "import", "chart_entries.csv"),
    ]
    assert [(row["row_number"], row["reasons"]) for row in result.sample] == [
        (2, "rank is not between 1 and 1000"),
        (3, "rank is not a whole number"),
    ]
    assert json.loads(str(result.sample[1]["row"]))["app_name"] == formula


@pytest.mark.parametrize(
    ("content", "rows_in", "reason"),
    [
        ("", 0, "is empty"),
        ("capture_id,rank\n", 0, "required columns are missing: store, country, chart, store_date, app_name"),
        (entries({}).replace("rank", "position"), 1, "required columns are missing: rank"),
        (entries({}).splitlines()[0], 0, "there is no row that can be read"),
        (entries({"rank": "0"}, {"rank": "-1"}), 2, "no row is fit for the lake"),
    ],
)
def test_a_batch_is_held_with_the_reason_and_its_bytes(
    home: Home, content: str, rows_in: int, reason: str
) -> None:
    drop(home, "chart_entries.csv", content)
    (result,) = receive_and_load(home, ENTRIES)
    record = result.record
    assert record.verdict == "held"
    assert reason in str(record.reason)
    assert (record.rows_in, record.rows_published, record.rows_quarantined) == (rows_in, 0, rows_in)
    note = json.loads(batch_path(home, ENTRIES, record.load_id).read_text())
    assert note["reason"] in str(record.reason)
    assert object_path(home, note["digest"]).read_text() == content
    assert in_lake(home) == []
    assert pending(home, ENTRIES) == []


def test_a_case_of_which_most_is_broken_is_held_and_the_old_one_stays(home: Home) -> None:
    clock = Ticking()
    good = [{"rank": str(rank)} for rank in (1, 2, 3)]
    drop_case(home, "my_case", {ENTRIES: entries(*good)})
    receive_and_load(home, ENTRIES, clock=clock)
    drop_case(home, "my_case", {ENTRIES: entries({}, {"rank": "0"}, {"rank": "x"})})
    (result,) = receive_and_load(home, ENTRIES, clock=clock)
    assert (result.record.verdict, result.is_owed) == ("held", True)
    assert "more than 50% of its rows are broken" in str(result.record.reason)
    assert len(in_lake(home)) == 3


def test_a_rule_that_cannot_be_evaluated_fails_the_load_and_the_next_run_heals_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = RAW_TABLES[ENTRIES]

    def rules(gxe: ModuleType, watched: WatchedIds) -> list[Any]:
        return [
            gxe.ExpectColumnValuesToBeInSet(
                column="colour", value_set=["red"], severity="critical", meta={"rule": "colour is not red"}
            )
        ]

    monkeypatch.setitem(RAW_TABLES, ENTRIES, replace(table, rules=rules))
    clock = Ticking()
    (failed,) = load_entries(home, {}, clock=clock)
    assert failed.record.verdict == "failed"
    assert "the rule 'colour is not red' could not be evaluated" in str(failed.record.reason)
    assert in_lake(home) == []
    monkeypatch.setitem(RAW_TABLES, ENTRIES, table)
    (healed,) = load_tables(home, [ENTRIES], clock)
    assert healed.record.verdict == "published"
    assert [(r.load_id, r.verdict) for r in read_loads(home)] == [(failed.record.load_id, "published")]


def test_one_load_that_fails_does_not_stop_the_others(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(home, "chart_entries__a.csv", entries({}))
    drop(home, "chart_entries__b.csv", entries({"rank": "2"}))
    receive_inbox(home, Ticking())
    publish = lake.publish

    def full_disk(home: Home, table: Any, receipt: Any, *rest: Any) -> tuple[str, ...]:
        if receipt.file_name.endswith("a.csv"):
            raise OSError(28, "No space left on device")
        return publish(home, table, receipt, *rest)

    monkeypatch.setattr(lake, "publish", full_disk)
    results = load_tables(home, [ENTRIES])
    assert [(r.record.file_name, r.record.verdict) for r in results] == [
        ("chart_entries__a.csv", "failed"),
        ("chart_entries__b.csv", "published"),
    ]
    assert "the disk is full" in str(results[0].record.reason)
    monkeypatch.setattr(lake, "publish", publish)
    assert [r.record.file_name for r in load_tables(home, [ENTRIES])] == ["chart_entries__a.csv"]


def test_a_ledger_that_cannot_be_written_is_told_in_the_result(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ingestion.load.write_load", full_disk)
    (result,) = load_entries(home, {})
    assert result.record.verdict == "failed"
    assert "The ledger cannot be written" in str(result.record.reason)
    monkeypatch.undo()
    (healed,) = load_tables(home, [ENTRIES])
    assert healed.record.verdict == "published"


# --- loading twice, and ownership -----------------------------------------------------------------


def test_loading_the_same_twice_changes_no_byte(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {}, {"rank": "0"}, clock=clock)
    before = files(home.root)
    assert load_entries(home, {}, {"rank": "0"}, clock=clock) == []
    assert files(home.root) == before


def test_an_import_is_merged_by_key(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {"rank": "1"}, {"rank": "2"}, clock=clock)
    load_entries(home, {"rank": "2", "app_name": "corrected"}, {"rank": "3"}, clock=clock)
    assert in_lake(home) == [("c1", 1, "REDnote"), ("c1", 2, "corrected"), ("c1", 3, "REDnote")]
    assert len(set(lake_rows(home, ENTRIES, "load_id"))) == 2


def test_a_row_that_moves_to_another_day_leaves_the_old_one(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {"store_date": "2025-01-13"}, {"rank": "2", "store_date": "2025-01-13"}, clock=clock)
    load_entries(home, {"store_date": "2025-01-14"}, clock=clock)
    assert lake_rows(home, ENTRIES, "rank, CAST(store_date AS VARCHAR)") == [
        (1, "2025-01-14"),
        (2, "2025-01-13"),
    ]
    load_entries(home, {"rank": "2", "store_date": "2025-01-14"}, clock=clock)
    assert days(home, "import") == ["day=2025-01-14"]


def test_an_import_that_was_overwritten_can_be_loaded_again(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {"app_name": "first"}, clock=clock)
    load_entries(home, {"app_name": "second"}, clock=clock)
    assert in_lake(home) == [("c1", 1, "second")]
    assert len(load_entries(home, {"app_name": "first"}, clock=clock)) == 1
    assert in_lake(home) == [("c1", 1, "first")]


def test_imports_keep_what_the_contract_has_got_since(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    table = RAW_TABLES[ENTRIES]
    clock = Ticking()
    older = replace(table, columns=tuple(c for c in table.columns if c.name != "store_app_id"))
    monkeypatch.setitem(RAW_TABLES, ENTRIES, older)
    load_entries(home, {"rank": "1"}, clock=clock)
    monkeypatch.setitem(RAW_TABLES, ENTRIES, table)
    load_entries(home, {"rank": "2", "store_app_id": "741292507"}, clock=clock)
    assert lake_rows(home, ENTRIES, "rank, store_app_id") == [(1, None), (2, "741292507")]


def test_a_case_owns_all_its_days_and_no_others(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {"capture_id": "imported", "store_date": "2025-01-14"}, clock=clock)
    full = [{"store_date": f"2025-01-{day}", "rank": str(day)} for day in (13, 14, 15)]
    drop_case(home, "my_case", {ENTRIES: entries(*full)})
    receive_and_load(home, ENTRIES, clock=clock)
    untouched = files(home.lake / "raw" / "import")
    drop_case(home, "my_case", {ENTRIES: entries(full[0], {**full[2], "app_name": "other"})})
    (result,) = receive_and_load(home, ENTRIES, clock=clock)
    assert result.record.days == 2
    assert days(home, "case_my_case") == ["day=2025-01-13", "day=2025-01-15"]
    assert files(home.lake / "raw" / "import") == untouched
    assert lake_rows(home, ENTRIES, "capture_id, rank, app_name, provenance") == [
        ("c1", 13, "REDnote", "case:my_case"),
        ("c1", 15, "other", "case:my_case"),
        ("imported", 1, "REDnote", "import"),
    ]


def test_what_a_killed_load_left_is_removed_by_the_next(home: Home) -> None:
    load_entries(home, {})
    day = home.lake / "raw" / "import" / ENTRIES / "day=2025-01-13"
    (day / ".data.parquet.abc.tmp").write_bytes(b"half")
    load_entries(home, {"rank": "2"}, clock=Ticking(NOON + timedelta(days=1)))
    assert [path.name for path in day.iterdir()] == ["data.parquet"]


def test_the_order_of_rows_in_a_file_changes_no_byte(home: Home, tmp_path: Path) -> None:
    rows = [{"rank": str(rank), "store_date": f"2025-01-{13 + rank % 2}"} for rank in range(1, 9)]
    other = Home(tmp_path / "other")
    (one,) = load_entries(home, *rows)
    (two,) = load_entries(other, *reversed(rows))
    load_ids = (one.record.load_id, two.record.load_id)
    first, second = files(home.lake / "raw" / "import"), files(other.lake / "raw" / "import")
    swapped = {
        path: content.replace(load_ids[1].encode(), load_ids[0].encode()) for path, content in second.items()
    }
    assert first == swapped


# --- checking again -------------------------------------------------------------------------------


def test_a_platform_that_is_watched_now_brings_its_rows_out_of_quarantine(home: Home) -> None:
    clock = Ticking()
    rows = [{}, {"rank": "2", "platform_id": "newcomer"}]
    (before,) = load_entries(home, *rows, clock=clock)
    drop_case(home, "my_case", {ENTRIES: entries(*rows)})
    receive_and_load(home, ENTRIES, clock=clock)
    assert [r.record.verdict for r in load_tables(home, [ENTRIES], clock)] == []

    watched = replace(WATCHED, platforms=WATCHED.platforms | {"newcomer"})
    results = load_tables(home, [ENTRIES], clock, watched)

    assert [(r.record.source, r.record.verdict, r.record.rows_published) for r in results] == [
        ("import", "published", 2),
        ("case_my_case", "published", 2),
    ]
    assert results[0].record.load_id == before.record.load_id
    assert len(read_loads(home)) == 2
    assert not rows_path(home, ENTRIES, before.record.load_id).exists()
    assert load_tables(home, [ENTRIES], clock, watched) == []


def test_an_import_that_is_checked_again_does_not_win_over_a_later_one(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {"app_name": "old"}, {"rank": "2", "platform_id": "newcomer"}, clock=clock)
    load_entries(home, {"app_name": "new"}, clock=clock)
    watched = replace(WATCHED, platforms=WATCHED.platforms | {"newcomer"})
    assert len(load_tables(home, [ENTRIES], clock, watched)) == 2
    assert in_lake(home) == [("c1", 1, "new"), ("c1", 2, "REDnote")]


def test_only_the_last_load_of_a_case_is_checked_again(home: Home) -> None:
    clock = Ticking()
    for name in ("old", "new"):
        drop_case(home, "my_case", {ENTRIES: entries({"app_name": name})})
        receive_and_load(home, ENTRIES, clock=clock)
    watched = replace(WATCHED, platforms=WATCHED.platforms | {"newcomer"})
    assert len(load_tables(home, [ENTRIES], clock, watched)) == 1
    assert in_lake(home) == [("c1", 1, "new")]
    assert len(receipts(home, ENTRIES)) == 2


# --- formats, the watchlist, the bundled case -----------------------------------------------------


def test_the_same_rows_load_the_same_from_every_format(home: Home, tmp_path: Path) -> None:
    parquet = tmp_path / "fx_rates.parquet"
    duckdb.execute(
        f"COPY (SELECT 'ecb' AS provider, 'EUR' AS base_currency, 'GBP' AS quote_currency, "
        f"DATE '2025-01-13' AS rate_date, 0.84 AS rate) TO '{parquet}' (FORMAT parquet)"
    )
    drop(home, "fx_rates__1.csv", csv_text([RATE]))
    drop(home, "fx_rates__2.jsonl", json.dumps({**RATE, "quote_currency": "JPY", "rate": 160.5}))
    drop(home, "fx_rates__3.parquet", parquet.read_bytes())
    results = receive_and_load(home, "fx_rates")
    assert [result.record.verdict for result in results] == ["published"] * 3
    assert lake_rows(home, "fx_rates", "quote_currency, rate") == [
        ("GBP", 0.84),
        ("JPY", 160.5),
        ("USD", 1.0198),
    ]


def test_a_watchlist_may_leave_a_table_empty(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "watchlist.yaml"
    clock = Ticking()
    start = "platforms:\n  tiktok:\n    name: TikTok\n    kind: short_video\n"
    path.write_text(start + "storefronts:\n  US: America/New_York\n")
    receive_watchlist(home, path, clock)
    assert load_tables(home, ["watch_storefronts"], clock)[0].record.rows_published == 1
    path.write_text(start)
    receive_watchlist(home, path, clock)
    (result,) = load_tables(home, ["watch_storefronts"], clock)
    assert (result.record.verdict, result.record.rows_in, result.is_owed) == ("published", 0, True)
    assert count_rows(home, RAW_TABLES["watch_storefronts"]) == 0


def test_the_bundled_case_and_watchlist_load_whole_and_only_once(home: Home) -> None:
    clock = Ticking()
    watched = real_watched()
    for expected in (len(RAW_TABLES) - len(LIVE_ONLY), 0):
        received = receive_watchlist(home, WATCHLIST, clock)
        received += receive_path(home, CASES / "january_2025", clock)
        results = load_tables(home, RAW_TABLES, clock, watched)
        assert len(received) == len(results) == expected
        assert {r.record.verdict for r in results} <= {"published"}
    records = read_loads(home)
    assert all(r.rows_in == r.rows_published > 0 for r in records)
    for name, table in RAW_TABLES.items():
        assert count_rows(home, table) == sum(r.rows_in for r in records if r.table_name == name)
    observed = lake_rows(home, "price_bars", "DISTINCT CAST(observed_at AS VARCHAR)")
    assert observed == [("2026-11-01 00:00:00",)]


# --- what others read -----------------------------------------------------------------------------


def test_every_glob_resolves_and_is_typed_before_the_first_row(home: Home) -> None:
    table = RAW_TABLES[ENTRIES]
    assert load_tables(home, [ENTRIES]) == []
    assert count_rows(home, table) == 0
    assert sample_rows(home, table) == []
    pattern = lake.table_glob(home, ENTRIES)
    described = duckdb.execute(f"DESCRIBE SELECT * EXCLUDE (day) FROM read_parquet('{pattern}')").fetchall()
    assert {name: type_ for name, type_, *_ in described} == {
        column.name: column.type.value for column in lake.lake_columns(table)
    }
    loads = duckdb.execute(f"DESCRIBE SELECT * EXCLUDE (day) FROM '{home.lake}/raw/*/loads/day=*/*.parquet'")
    assert [name for name, *_ in loads.fetchall()] == [column.name for column in LEDGER_COLUMNS]


def test_samples_show_what_was_seen_last(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {"rank": "1"}, clock=clock)
    load_entries(home, {"rank": "2"}, clock=clock)
    assert [row["rank"] for row in sample_rows(home, RAW_TABLES[ENTRIES])] == [2, 1]
    assert [row["rank"] for row in sample_rows(home, RAW_TABLES[ENTRIES], limit=1)] == [2]


def test_the_ledger_has_a_row_while_a_load_runs(home: Home) -> None:
    drop(home, "chart_entries.csv", entries({}))
    receive_inbox(home, standing)
    seen: list[LoadRecord] = []

    def look(step: str) -> None:
        if step == "parsed":
            seen.extend(read_loads(home))

    load_pending(home, ENTRIES, WATCHED, standing, look)
    assert [(record.verdict, record.finished_at) for record in seen] == [(Verdict.RUNNING, None)]


def test_durations_and_instants_come_from_the_given_clock(home: Home) -> None:
    (result,) = load_entries(home, {}, clock=Ticking())
    record = result.record
    assert isinstance(record.finished_at, datetime)
    assert record.received_at < record.started_at < record.finished_at
    assert record.duration_seconds == (record.finished_at - record.started_at).total_seconds() == 1


def test_data_docs_show_what_files_say_and_run_none_of_it(home: Home) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    (result,) = load_entries(home, {}, {"rank": "2", "platform_id": hostile}, {"rank": hostile})
    assert result.data_docs == data_docs.page_path(home, ENTRIES, result.record.load_id)
    page = Path(str(result.data_docs)).read_text()
    assert "platform_id is not on the watchlist" in page
    assert "<script" not in page
    assert "<img" not in page
    assert hostile in unescape(page)
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://x", "") or "src=" not in page
    index = (home.data_docs / "index.html").read_text()
    assert f'href="{ENTRIES}/{result.record.load_id}.html"' in index
    assert "published_with_quarantine" in index


def test_data_docs_show_null_values_and_columns_without_any_value(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    (result,) = load_entries(home, {}, {"app_name": "", "rank": ""}, {"store_date": ""}, {"platform_id": ""})
    assert "NULL" in Path(str(result.data_docs)).read_text()
    load_entries(home, {"app_name": "", "platform_id": "", "rank": "", "store_date": ""}, clock=Ticking())
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_the_index_lists_the_newest_load_first(home: Home) -> None:
    clock = Ticking()
    load_entries(home, {"rank": "1"}, clock=clock)
    drop(home, "chart_entries__<b>.csv", "x")
    drop(home, "chart_entries__later.csv", entries({"rank": "2"}))
    receive_and_load(home, ENTRIES, clock=clock)
    index = (home.data_docs / "index.html").read_text()
    assert index.index("chart_entries__later.csv") < index.index("chart_entries.csv")
    assert "<b>" not in index


def test_a_page_that_cannot_be_written_harms_no_load(home: Home) -> None:
    home.root.mkdir(parents=True)
    home.data_docs.write_text("a file where the folder should be")
    (result,) = load_entries(home, {})
    assert (result.record.verdict, result.data_docs) == ("published", None)


def test_a_home_with_signs_that_globs_know(tmp_path: Path) -> None:
    home = Home(tmp_path / "it's [a] home*?")
    clock = Ticking()
    load_entries(home, {"rank": "1"}, {"rank": "0"}, clock=clock)
    load_entries(home, {"rank": "2"}, clock=clock)
    assert count_rows(home, RAW_TABLES[ENTRIES]) == 2
    assert len(read_loads(home)) == 2
    assert in_lake(home) == [("c1", 1, "REDnote"), ("c1", 2, "REDnote")]


def test_loads_of_one_table_in_two_processes_do_not_meet(home: Home) -> None:
    """The second caller waits at the lock, then finds nothing left to do."""
    drop(home, "chart_entries.csv", entries(ENTRY))
    receive_inbox(home, standing)
    held = home.locks / "load" / f"{ENTRIES}.lock"
    seen: list[bool] = []

    def look(step: str) -> None:
        with held.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                seen.append(False)
            except BlockingIOError:
                seen.append(True)

    load_pending(home, ENTRIES, WATCHED, standing, look)
    assert all(seen)
    assert seen
    assert load_pending(home, ENTRIES, WATCHED, standing) == []
