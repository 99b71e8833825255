"""What must hold when the days are over. Each function gives what does not, a line each; nothing is well.

Belongs here: windows, loads, runs, the reader, and the marts beside those of the undisturbed run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb

from ingestion.loads import Verdict, read_loads
from ingestion.settings import Home
from ingestion.sources import SOURCES
from ingestion.windows import WindowState, day_reports
from tests.soak.world import ATTENTION, CHARTS, expected_windows

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
MUST_DIFFER = {
    "fct_loads": "one row a load, and of a day that was interrupted there are several",
}
"""Tables whose rows tell of the way, and not of the world."""
WHEN_SEEN = "observed_at"
"""The column, of many tables, that says when: a day that was interrupted was asked again, and later."""
HOW_OFTEN = {
    "fct_chart_rank_daily": ("captures", "failed_captures", "unavailable_hours"),
    "fct_chart_health": ("capture_id",),
}
"""Columns that count or name looks at a chart: each counts, and an interrupted day has more of them."""
DATED = {CHARTS: ("chart_captures", "chart_entries"), ATTENTION: ("attention",)}
"""Raw tables with a partition for each day that was asked; articles have the day on which they came out."""


def wrong_windows(home: Home, days: int) -> Iterator[str]:
    """Days that are missing, twice there, or not complete, in the ledger and in the lake."""
    for source, expected in expected_windows(days).items():
        reports = day_reports(home, source)
        if [report.day for report in reports] != expected:
            found = {report.day for report in reports}
            yield f"{source}: the ledger has not the days it should: {sorted(found ^ set(expected))}"
        open_days = set(expected[-SOURCES[source].look_back_days :]) if SOURCES[source].is_dated else set()
        for report in reports:
            usual = WindowState.OPEN if report.day in open_days else WindowState.COMPLETE
            if report.state is not usual:
                yield f"{source} {report.day}: {report.state.value}, not {usual.value} ({report.reason})"
        for table in DATED.get(source, ()):
            files = sorted((home.lake / "raw" / source / table).rglob("*.parquet"))
            partitions = [file.parent.name.removeprefix("day=") for file in files]
            if partitions != [str(day) for day in expected]:
                wrong = sorted(set(partitions) ^ {str(day) for day in expected})
                yield f"{source} {table}: {len(partitions)} partitions for {len(expected)} days: {wrong}"


def wrong_loads(home: Home) -> Iterator[str]:
    """Loads that are not over, that failed or that lost a row."""
    for load in read_loads(home):
        told = f"load {load.load_id} ({load.source}, {load.table_name}, {load.file_name})"
        if load.verdict is not Verdict.PUBLISHED:
            yield f"{told}: {load.verdict.value} ({load.reason})"
        elif load.rows_in != (load.rows_published or 0) + (load.rows_quarantined or 0):
            yield f"{told}: {load.rows_in} in, {load.rows_published} + {load.rows_quarantined} out"


def stuck_runs(instance: dg.DagsterInstance) -> Iterator[str]:
    """Runs that are not over."""
    for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE)):
        yield f"run {run.run_id} of {run.job_name} is {run.status.value}"


def wrong_looks(report: Path) -> Iterator[str]:
    """What the reader saw that it must not see."""
    if not report.exists():
        yield "the reader has never seen anything"
        return
    yield from json.loads(report.read_text())["wrong"]


def different_marts(home: Home, undisturbed: Home) -> Iterator[str]:
    """Tables whose rows are not the same in both published files, each row as often as it is there."""
    with duckdb.connect() as connection:
        for name, one in (("soak", home), ("calm", undisturbed)):
            connection.execute(f"attach '{one.published_database.resolve()}' as {name} (read_only)")
        tables = {name: _tables(connection, name) for name in ("soak", "calm")}
        if tables["soak"] != tables["calm"]:
            yield f"the marts are others: {sorted(tables['soak'].keys() ^ tables['calm'].keys())}"
        for table in sorted(tables["soak"].keys() & tables["calm"].keys() - MUST_DIFFER.keys()):
            others = (WHEN_SEEN, *HOW_OFTEN.get(table, ()))
            columns = ", ".join(f'"{c}"' for c in tables["calm"][table] if c not in others)
            for left, right in (("soak", "calm"), ("calm", "soak")):
                query = (
                    f'select {columns} from {left}.marts."{table}" '
                    f'except all select {columns} from {right}.marts."{table}"'
                )
                rows = connection.execute(query).fetchall()
                if rows:
                    yield f"{table}: {len(rows)} rows only in the {left} run, such as {rows[0]}"


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        "select table_name, column_name from duckdb_columns() where database_name = ? "
        "and schema_name = 'marts' order by table_name, column_index",
        [database],
    ).fetchall()
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found
