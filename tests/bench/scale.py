"""What all marts cost on ten years of daily data, and what one more day costs.

Belongs here: a lake of that size, made by DuckDB in the layout of loads, and measuring whole builds of it
from outside. Does not belong here: tests; and whether figures are right, for which the rows are too regular.

Two histories end on the same day: ten years, and one month. Each is built and published, then gets one more
day and is built and published again, as a run does it, dbt's tests included. Two of three apps are watched,
and a chart shows its first 100.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
from rich.console import Console

from ingestion.lake import lake_columns
from ingestion.settings import Home
from ingestion.tables import RAW_TABLES
from tests.bench.report import Line, seconds, table_of
from tests.bench.run import BenchError, Cost, run
from tests.integration.test_marts import prepare_lake

LAST = dt.date(2024, 12, 31)
MEMORY_TARGET_GB = 4.0
DUCKDB_LIMIT = "2000MB"
"""Beside it stand Python, dbt, and what DuckDB does not count."""
DAY_TARGET = 1.5
EPISODES = 5
SLOWEST = 12

Selects = dict[str, str]


@dataclass(frozen=True)
class Built:
    """What one build and publish took: as a process, in parts, and by model, slowest first."""

    cost: Cost
    build_seconds: float
    publish_seconds: float
    slowest: list[tuple[str, float]]


def main() -> int:
    """Measures and prints; 1 if a build failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=3650)
    parser.add_argument("--platforms", type=int, default=200)
    parser.add_argument("--storefronts", type=int, default=30)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--only-build", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only_build:
        sys.stdout.write(json.dumps(build_here(Home(asked.only_build))) + "\n")
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="observatory_scale_") as folder:
            lines = measure(Path(folder), asked)
    except BenchError as error:
        Console(stderr=True).print(str(error), markup=False)
        return 1
    Console().print(table_of(lines))
    return 0


def measure(folder: Path, asked: argparse.Namespace) -> list[Line]:
    """Both histories, each built whole and with one more day."""
    lines, days = [], {}
    for name, length in (("month", 30), ("years", asked.days)):
        home = Home(folder / name)
        fill(home, LAST - dt.timedelta(days=length - 1), LAST, asked)
        whole = build(home)
        add(home, LAST + dt.timedelta(days=1), LAST + dt.timedelta(days=1), asked)
        days[name] = build(home)
        gigabytes = whole.cost.peak_bytes / 1e9
        lines += [
            Line(f"{length} days: all marts, wall time", seconds(whole.build_seconds)),
            Line(f"{length} days: publishing them", seconds(whole.publish_seconds)),
            Line(
                f"{length} days: peak memory",
                f"{gigabytes:.2f} GB",
                f"under {MEMORY_TARGET_GB} GB",
                gigabytes < MEMORY_TARGET_GB,
            ),
            Line(f"{length} days: warehouse", f"{home.warehouse.stat().st_size / 1e9:.2f} GB"),
            *(Line(f"  {model}", seconds(took)) for model, took in whole.slowest),
            Line(f"{length} days and one more: marts, wall time", seconds(days[name].build_seconds)),
            Line(f"{length} days and one more: publishing", seconds(days[name].publish_seconds)),
            *(Line(f"  {model}", seconds(took)) for model, took in days[name].slowest),
        ]
    return [
        *lines,
        ratio_of("marts", days["years"].build_seconds, days["month"].build_seconds),
        ratio_of("marts and publishing", days["years"].cost.seconds, days["month"].cost.seconds),
    ]


def ratio_of(what: str, years: float, month: float) -> Line:
    """One more day on the long history against one on the short one."""
    ratio = years / month
    return Line(
        f"one more day, years / month: {what}", f"{ratio:.2f}", f"at most {DAY_TARGET}", ratio <= DAY_TARGET
    )


def build(home: Home) -> Built:
    """All models and what readers see, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scale", "--only-build", str(home.root)]
    environ: Mapping[str, str] = {**os.environ, "OBSERVATORY_MEMORY_LIMIT": DUCKDB_LIMIT}
    cost = run(command, environ, sampled=True)
    told = json.loads(cost.output.splitlines()[-1])
    return Built(cost, told["build"], told["publish"], [(name, took) for name, took in told["slowest"]])


def build_here(home: Home) -> dict[str, object]:
    """All models with their tests, then what readers see; seconds of both, and of the slowest nodes."""
    from orchestration import dbt, upkeep
    from orchestration.defs.warehouse import asset_nodes, day_columns, public_models
    from orchestration.publish import publish

    dbt.ensure_manifest()
    manifest = dbt.read_manifest()
    started = time.perf_counter()
    names = [node["name"] for node in asset_nodes(manifest).values()]
    results = dbt.build(home, names, upkeep.note_lake(home, upkeep.lake_of(home), manifest))
    bad = [f"{result.unique_id}: {result.message}" for result in results if not result.is_good]
    if bad:
        raise BenchError("\n".join(bad))
    built = time.perf_counter()
    publish(home, public_models(manifest), dt.datetime.now(dt.UTC), days=day_columns(manifest))
    took = [(result.unique_id.split(".", 2)[-1], result.seconds) for result in results]
    return {
        "build": built - started,
        "publish": time.perf_counter() - built,
        "slowest": sorted(took, key=lambda node: -node[1])[:SLOWEST],
    }


# --- the lake -----------------------------------------------------------------------------------------


def fill(home: Home, first: dt.date, last: dt.date, asked: argparse.Namespace) -> None:
    """The watchlist, and all days from `first` to `last`."""
    prepare_lake(home)
    home.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        for table, select in watched(asked).items():
            copy(connection, home, table, f"select *, '{last}' as day from ({select})")
    add(home, first, last, asked)


def add(home: Home, first: dt.date, last: dt.date, asked: argparse.Namespace) -> None:
    """A file a table and day. A year at a time, so that the files that are open stay few."""
    with duckdb.connect() as connection:
        connection.execute(
            "set memory_limit = '2GB'; set threads = 2; set partitioned_write_max_open_files = 400"
        )
        start = first
        while start <= last:
            end = min(last, start + dt.timedelta(days=364))
            for table, select in observed(start, end, asked).items():
                copy(connection, home, table, select)
            start = end + dt.timedelta(days=1)


def copy(connection: duckdb.DuckDBPyConnection, home: Home, table: str, select: str) -> None:
    """Rows with their `day`, as loads leave them: every column of the contract, in partitions."""
    lineage = {"load_id": "load", "source": "test", "observed_at": f"{LAST}", "provenance": "case:test"}
    given = {column[0] for column in connection.execute(f"describe ({select})").fetchall()}
    columns = []
    for column in lake_columns(RAW_TABLES[table]):
        value = column.name if column.name in given else "null"
        if column.name in lineage and column.name not in given:
            value = f"'{lineage[column.name]}'"
        columns.append(f"cast({value} as {column.type}) as {column.name}")
    folder = home.lake / "raw" / "test" / table
    folder.mkdir(parents=True, exist_ok=True)
    connection.execute(
        f"copy (select {', '.join(columns)}, cast(day as varchar) as day from ({select}) order by day) "
        f"to '{folder}' (format parquet, partition_by (day), overwrite_or_ignore)"
    )


def watched(asked: argparse.Namespace) -> Selects:
    """Two of three apps are watched; some of them are the destinations of an episode each."""
    platforms = f"select 'p' || n as platform_id, n from range(1, {asked.platforms + 1}) as r(n)"
    episodes = f"select * from ({platforms}) where n <= {EPISODES}"
    return {
        "watch_platforms": f"select platform_id, platform_id as name, 'social' as kind from ({platforms})",
        "watch_apps": "select platform_id, 'app_store' as store, platform_id as store_app_id, "
        f"'verified' as id_status, platform_id as app_name from ({platforms})",
        "watch_storefronts": "select chr(65 + n // 26) || chr(65 + n % 26) as country, 'UTC' as store_zone "
        f"from (select cast(n as integer) as n from range({asked.storefronts}) as r(n))",
        "watch_episodes": "select 'e' || n as episode_id, 'To ' || platform_id as title, "
        f"'p{asked.platforms}' as origin_platform_id, 'AA' as geography, "
        f"date '{LAST}' - 20 as window_start, date '{LAST}' - 5 as window_end from ({episodes})",
        "watch_episode_platforms": f"select 'e' || n as episode_id, platform_id from ({episodes})",
    }


def observed(first: dt.date, last: dt.date, asked: argparse.Namespace) -> Selects:
    """What is seen on each day; noise comes from hashes, so that a day does not depend on others."""
    days = (
        "select cast(d as date) as day, date_diff('day', date '2000-01-01', d) as number "
        f"from generate_series(date '{first}', date '{last}', interval 1 day) as r(d)"
    )
    charts = (
        f"select day, number, chr(65 + n // 26) || chr(65 + n % 26) as country, n from ({days}), "
        f"(select cast(n as integer) as n from range({asked.storefronts}) as r(n))"
    )
    apps = (
        "select n as app, if(n % 3 = 0, 'o' || n, 'p' || (n - n // 3)) as store_app_id "
        f"from range(1, {asked.platforms * 3 // 2 + 1}) as r(n)"
    )
    scored = (
        "select day, country, store_app_id, row_number() over (partition by country, day order by "
        "0.6 * ln(app) + 0.2 * sin(number / (20.0 + app % 37) + app + n) "
        f"+ 0.05 * (hash(app, number, n) % 1000) / 1000.0) as rank from ({charts}), ({apps})"
    )
    chart = (
        "day, 'app_store' as store, country, 'top_free_overall' as chart, day as store_date, "
        "country || day as capture_id"
    )
    wave = "(1 + 0.2 * sin(number * 0.8976) + 0.1 * (hash(p, number) % 1000) / 1000.0)"
    subjects = (
        f"select day, {wave} as wave, 'platform' as subject_type, 'p' || p as subject_id, 'UTC' as day_zone "
        f"from ({days}), range(1, {asked.platforms + 1}) as r(p)"
    )
    return {
        "chart_captures": f"select {chart}, day + interval 20 hour as captured_at, 'chart' as scope, "
        f"{asked.depth} as depth, 'succeeded' as capture_status, 'test' as provider from ({charts})",
        "chart_entries": f"select {chart}, rank, store_app_id, store_app_id as app_name "
        f"from ({scored}) where rank <= {asked.depth}",
        "attention": "select *, day as attention_date, 'page_views' as signal, 'page' as item, "
        "'views' as unit, 'observed' as value_status, floor(1000 * wave) as value, "
        f"10000000 as monitored_total from ({subjects})",
        "news_volume": "select *, day as news_date, 'news' as signal, 'day' as batch, "
        "'articles' as item_kind, cast(20 * wave as bigint) as matching_items, "
        f"50000 as monitored_items from ({subjects})",
    }


if __name__ == "__main__":
    sys.exit(main())
