"""What must hold of every mart, whatever it measures: on the bundled cases and a simulated chart, all marts built.

One build of a lake is compared with builds of the same lake in another order with every row twice, and with all
clocks put forward. Marts and columns that may differ are named, each with the reason.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.inbox import receive_path, receive_watchlist
from ingestion.settings import CASES, WATCHLIST, Home
from ingestion.tables import RAW_TABLES
from orchestration.dbt import ensure_manifest, read_manifest
from tests._support.loading import Ticking, load_tables, real_watched
from tests._support.simulation import simulate, write
from tests.integration.test_marts import prepare_lake, read, run_dbt

SHIFT = dt.timedelta(days=364)
"""Whole weeks, and daylight saving time begins and ends on days that lie as far apart."""
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
BUILD = ("build", "--exclude-resource-type", "unit_test", "test", "exposure")

Rows = dict[tuple[Any, ...], dict[str, Any]]


# --- one build a variant ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """All bundled cases, and ten simulated platforms of which one has an episode."""
    home = Home(tmp_path_factory.mktemp("base") / "home")
    clock = Ticking()
    prepare_lake(home)
    receive_watchlist(home, WATCHLIST, clock)
    for case in sorted(folder for folder in CASES.iterdir() if folder.is_dir()):
        receive_path(home, case, clock)
    load_tables(home, RAW_TABLES, clock, real_watched())
    simulated = dict(simulate(1, 7).tables)
    for name in ("watch_episodes", "watch_episode_platforms", "platform_events"):
        simulated[name] = simulated[name][simulated[name]["episode_id"] == "episode_p00_0"]
    write(home, simulated)
    return built(home)


def built(home: Home) -> Home:
    statuses = run_dbt(home, *BUILD)
    assert {node: status for node, status in statuses.items() if status not in {"success", "no-op"}} == {}
    return home


def changed(base: Home, target: Home, change: Callable[[str, str, dict[str, str]], str]) -> Home:
    """A lake in which every file holds what `change` selects from it, by its table, path and types."""
    raw = base.lake / "raw"
    for file in sorted(raw.rglob("*.parquet")):
        place = target.lake / "raw" / file.relative_to(raw)
        place.parent.mkdir(parents=True, exist_ok=True)
        columns = {
            name: str(kind) for name, kind, *_ in duckdb.sql(f"describe from read_parquet('{file}')").fetchall()
        }
        source, table = place.relative_to(target.lake / "raw").parts[:2]
        kept = source in ("_contract", "observatory")
        select = f"from read_parquet('{file}')" if kept else change(table, str(file), columns)
        duckdb.sql(f"copy ({select}) to '{place}' (format parquet)")
    return target


def in_another_order_and_twice(table: str, file: str, columns: dict[str, str]) -> str:
    """Every row again from a later load, every look at a chart again under another name, all shuffled."""
    later = f"select * replace ('later' as load_id, observed_at + interval 1 hour as observed_at) from '{file}'"
    rows = f"from '{file}' union all {later}"
    if table in ("chart_captures", "chart_entries"):
        rows += f" union all select * replace (capture_id || '_again' as capture_id) from '{file}'"
    return f"select * from ({rows}) as r order by md5(cast(r as varchar))"


def later(table: str, file: str, columns: dict[str, str]) -> str:
    """Every date and instant put forward."""
    moved = ", ".join(
        f"cast({name} + interval {SHIFT.days} day as {kind}) as {name}"
        for name, kind in columns.items()
        if kind in ("DATE", "TIMESTAMP")
    )
    return f"select * replace ({moved}) from '{file}'"


# --- comparing marts ----------------------------------------------------------------------------------


def marts() -> dict[str, Any]:
    """Every public mart by name, as the manifest has it."""
    ensure_manifest()
    nodes = read_manifest()["nodes"].values()
    return {
        node["name"]: node
        for node in nodes
        if node["resource_type"] == "model" and node["config"].get("access") == "public"
    }


def keys() -> dict[str, list[str]]:
    """The key of every mart, from its test."""
    public = marts()
    nodes = read_manifest()["nodes"].values()
    told = {
        node["attached_node"].rsplit(".", 1)[-1]: node["test_metadata"]["kwargs"]["columns"]
        for node in nodes
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "unique_key"
    }
    return {mart: told[mart] for mart in public}


def rows_of(home: Home, mart: str, key: Iterable[str], back: dt.timedelta) -> Rows:
    """Rows by key, with all dates put back, those in texts too."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        answer = connection.execute(f"from marts.{mart}")
        names = [column[0] for column in answer.description or []]
        rows = [dict(zip(names, map(put_back(back), row), strict=True)) for row in answer.fetchall()]
    return {tuple(row[name] for name in key): row for row in rows}


def put_back(back: dt.timedelta) -> Callable[[Any], Any]:
    def one(match: re.Match[str]) -> str:
        try:
            return str(dt.date.fromisoformat(match[0]) - back)
        except ValueError:
            return match[0]

    def value(told: Any) -> Any:
        if not back:
            return told
        if isinstance(told, str):
            return DAY.sub(one, told)
        return told - back if isinstance(told, dt.date) else told

    return value


def differing(before: Rows, after: Rows, ignored: Iterable[str]) -> dict[str, Any]:
    """What differs, by column: the first row's key, and both values."""
    found: dict[str, Any] = {}
    if before.keys() != after.keys():
        found["rows"] = (sorted(before.keys() - after.keys(), key=str)[:3],
                         sorted(after.keys() - before.keys(), key=str)[:3])  # fmt: skip
    for key in sorted(before.keys() & after.keys(), key=str):
        for name, value in before[key].items():
            if name not in ignored and name not in found and value != after[key][name]:
                found[name] = (key, value, after[key][name])
    return found


def all_differing(
    base: Home, other: Home, ignored: dict[str, tuple[str, ...]], back: dt.timedelta = dt.timedelta(0)
) -> dict[str, dict[str, Any]]:
    found = {}
    for mart, key in sorted(keys().items()):
        if mart in ignored and not ignored[mart]:
            continue
        some = differing(
            rows_of(base, mart, key, dt.timedelta(0)),
            rows_of(other, mart, key, back),
            (*LINEAGE, *ignored.get(mart, ())),
        )
        if some:
            found[mart] = some
    return found


LINEAGE = ("observed_at", "load_id")


def test_tmp(base: Home, home: Home) -> None:
    import pprint

    built(changed(base, home, in_another_order_and_twice))
    pprint.pprint(all_differing(base, home, {}))
    other = Home(home.root.parent / "later")
    built(changed(base, other, later))
    pprint.pprint(all_differing(base, other, {}, SHIFT))
    Path("/tmp/obs_m7/props").write_text(str(base.root))
    assert 0
