"""The real daemon and code servers: what sensors see is published, with nobody else at work."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.settings import CASES, Home
from orchestration.defs.runs import CARRY_ON, SENSOR_NAME_TAG
from orchestration.session import prepare_instance
from tests._support.loading import VENDOR, csv_text, drop
from tests._support.web_ui import serving

INBOX = "load_what_was_dropped_in_the_inbox"
SECONDS = 300
VALUE = "select value from marts.fct_published_metrics where provider = 'Example Vendor'"
SOURCES_SAY = "select max_value from marts.source_agreement where first_date = date '2025-01-19'"
RANKS = "from marts.fct_chart_rank_daily order by all"


@pytest.mark.thorough
def test_what_is_dropped_is_published_by_sensors_alone_and_a_failed_check_stops_what_reads_it(
    loaded: Home, tmp_path: Path
) -> None:
    with serving(loaded, tmp_path / "ui.log"):
        drop(loaded, "published_metrics__vendor.csv", csv_text([VENDOR]))
        wait_until(lambda: published(loaded, VALUE) == [(2_000_000,)])
        wait_until(lambda: ended(loaded, INBOX) == [dg.DagsterRunStatus.SUCCESS])
        ranks = published(loaded, RANKS)

        drop_a_case_whose_charts_break_their_contract(loaded, tmp_path)
        wait_until(lambda: published(loaded, SOURCES_SAY) == [(32_600_000,)])
        assert ended(loaded, INBOX) == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
        wait_until(lambda: ended(loaded, CARRY_ON) == [dg.DagsterRunStatus.SUCCESS])
        assert published(loaded, RANKS) == ranks
        assert published(loaded, VALUE) == [(2_000_000,)]


def drop_a_case_whose_charts_break_their_contract(home: Home, aside: Path) -> None:
    """And with another figure in a table that nothing is wrong with."""
    case = aside / "january_2025"
    shutil.copytree(CASES / "january_2025", case)
    for table, old, new in (
        ("chart_entries", "rank", "position"),
        ("published_metrics", "32500000", "32600000"),
    ):
        file = case / f"{table}.csv"
        file.write_text(file.read_text().replace(old, new, 1))
    case.rename(home.inbox / case.name)  # in one step: the sensor looks at any moment


def published(home: Home, query: str) -> list[tuple[Any, ...]]:
    """As an analyst reads it."""
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def ended(home: Home, sensor: str) -> list[dg.DagsterRunStatus]:
    """How the runs ended that a sensor has started, newest first."""
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={SENSOR_NAME_TAG: sensor}))
    return [run.status for run in runs if run.is_finished]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.5)
