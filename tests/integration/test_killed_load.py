"""A load that is killed at any step leaves the lake whole, and the next run ends as if nothing had been."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.inbox import pending
from ingestion.loads import read_loads
from ingestion.settings import Home
from tests._support.killing import TABLES, killed_at, run_all
from tests._support.loading import RATE, csv_text, drop, drop_case, entries, files

OLD_CASE = [{"store_date": f"2025-01-{day}", "rank": str(day)} for day in (13, 14, 15)]
NEW_CASE = [
    *({**row, "app_name": "renamed"} for row in OLD_CASE[:2]),
    {"store_date": "2025-01-16"},
    {"rank": "0"},
]
OLD_RATES = [{**RATE, "rate_date": f"2025-01-{day}"} for day in (13, 14)]
NEW_RATES = [{**RATE, "rate_date": f"2025-01-{day}", "rate": "1.5"} for day in (14, 15)]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Something is loaded; a changed case and a further import lie in the inbox."""
    home = Home(tmp_path_factory.mktemp("before") / "home")
    drop_case(home, "my_case", {"chart_entries": entries(*OLD_CASE)})
    drop(home, "fx_rates__old.csv", csv_text(OLD_RATES))
    run_all(home)
    drop_case(home, "my_case", {"chart_entries": entries(*NEW_CASE)})
    drop(home, "fx_rates__new.csv", csv_text(NEW_RATES))
    drop(home, "charts.csv", "no table of this name")
    return home


@pytest.fixture(scope="module")
def after(before: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """What an undisturbed run makes of it."""
    home = copy_of(before, tmp_path_factory.mktemp("after"))
    run_all(home)
    return home


def copy_of(home: Home, folder: Path) -> Home:
    copy = Home(folder / "home")
    shutil.copytree(home.root, copy.root)
    return copy


def partitions(home: Home) -> dict[str, bytes]:
    """What readers of the lake can see; the ledger tells of the way and is looked at apart."""
    found = files(home.lake)
    return {p: c for p, c in found.items() if p.endswith(".parquet") and "/loads/" not in p}


def every_file_can_be_read(home: Home) -> None:
    with duckdb.connect() as con:
        for path in home.root.rglob("*.parquet"):
            con.execute("SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()


KILLS = [
    *(("archived", time) for time in (1, 3)),
    *((step, 1) for step in ("received", "set_aside", "removed")),
    *((step, 1) for step in ("started", "parsed", "checked", "quarantined")),
    *(("partition_written", time) for time in (1, 2, 4)),
    *((step, 1) for step in ("partition_removed", "ledger_written", "settled")),
    *(("fsync", time) for time in (13, 22, 30, 37, 44)),
]


@pytest.mark.parametrize(("step", "time"), KILLS, ids=[f"{step}_{time}" for step, time in KILLS])
def test_a_kill_leaves_the_lake_whole_and_the_next_run_completes(
    before: Home, after: Home, tmp_path: Path, step: str, time: int
) -> None:
    home = copy_of(before, tmp_path)
    assert killed_at(home, step, time), "the step was not reached"

    every_file_can_be_read(home)
    old, new, seen = partitions(before), partitions(after), partitions(home)
    assert all(content in (old.get(path), new.get(path)) for path, content in seen.items())
    assert seen.keys() >= old.keys() & new.keys()

    run_all(home)
    assert files(home.lake) == files(after.lake)
    assert files(home.quarantine) == files(after.quarantine)
    assert files(home.inbox) == files(after.inbox)
    assert files(home.archive) == files(after.archive)
    assert read_loads(home) == read_loads(after)
    assert [receipt for table in TABLES for receipt in pending(home, table)] == []


def test_the_undisturbed_run_did_all_there_was_to_do(after: Home) -> None:
    verdicts: Iterator[tuple[str, str]] = (
        (record.file_name, str(record.verdict)) for record in read_loads(after)
    )
    assert sorted(verdicts) == [
        ("chart_entries.csv", "published"),
        ("chart_entries.csv", "published_with_quarantine"),
        ("charts.csv", "failed"),
        ("fx_rates__new.csv", "published"),
        ("fx_rates__old.csv", "published"),
    ]
    days = [path.split("/")[3] for path in partitions(after) if path.startswith("raw/case_my_case")]
    assert days == ["day=2025-01-13", "day=2025-01-14", "day=2025-01-16"]
