"""A load that is killed at any step leaves the lake whole, and the next run ends as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.inbox import pending
from ingestion.loads import read_loads
from ingestion.settings import Home
from tests._support.disturbed import copy_of, every_file_can_be_read, home_with_news, loaded_copy, partitions
from tests._support.killing import TABLES, killed_at, run_all
from tests._support.loading import drop, files


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A file that is for no table lies in the inbox, too."""
    home = home_with_news(tmp_path_factory.mktemp("before"))
    drop(home, "charts.csv", "no table of this name")
    return home


@pytest.fixture(scope="module")
def after(before: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return loaded_copy(before, tmp_path_factory.mktemp("after"))


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
