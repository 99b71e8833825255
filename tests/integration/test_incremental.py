"""Models that are built by day: after any change of the lake they hold what a whole build of it gives.

One history is edited at random, again and again: days come, come late, are corrected, and go. After each edit
its warehouse is built on, and compared value for value with one that is built anew.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.lake import lake_columns
from ingestion.settings import Home
from ingestion.tables import RAW_TABLES
from orchestration import dbt, upkeep
from orchestration.dbt import ensure_manifest, read_manifest
from tests.integration.test_marts import prepare_lake

FIRST = dt.date(2025, 2, 25)
"""The first look at a chart; counts are older, so that there are days beyond every look-back."""
COUNTED_BEFORE, LOOKED_AT = 200, 70
QUIET = (FIRST - dt.timedelta(150), FIRST - dt.timedelta(40))
"""Longer than any look-back, and over a year's end, nobody counted the platform green."""
PLATFORMS = ("red", "green", "blue")
APPS = ("red", "green", "blue", *(f"other_{n}" for n in range(12)))
COUNTRIES = ("US", "CA")
Row = Mapping[str, object]


# --- helpers ------------------------------------------------------------------------------------------


def write_day(home: Home, table: str, day: dt.date, rows: Iterable[Row], source: str = "test") -> None:
    """The partition of a day, as a load of `source` leaves it; none where there are no rows."""
    lineage = {"load_id": source, "source": source, "observed_at": f"{day}", "provenance": "case:test"}
    folder = home.lake / "raw" / source / table / f"day={day}"
    shutil.rmtree(folder, ignore_errors=True)
    lines = [json.dumps({**lineage, **row}, default=str) for row in rows]
    if not lines:
        return
    folder.mkdir(parents=True)
    told = folder / "rows.jsonl"
    told.write_text("\n".join(lines))
    types = ", ".join(f"'{c.name}': '{c.type}'" for c in lake_columns(RAW_TABLES[table]))
    duckdb.sql(
        f"copy (from read_json('{told}', format = 'newline_delimited', columns = {{{types}}})) "
        f"to '{folder}/data.parquet' (format parquet)"
    )
    told.unlink()


def watch(home: Home) -> None:
    watched: dict[str, list[Row]] = {
        "watch_platforms": [{"platform_id": p, "name": p, "kind": "social"} for p in PLATFORMS],
        "watch_apps": [
            {
                "platform_id": p,
                "store": "app_store",
                "store_app_id": p,
                "id_status": "verified",
                "app_name": p,
            }
            for p in PLATFORMS
        ],
        "watch_storefronts": [{"country": c, "store_zone": "America/New_York"} for c in COUNTRIES],
        "watch_episodes": [
            {
                "episode_id": "e",
                "title": "To red",
                "origin_platform_id": "blue",
                "geography": "US",
                "window_start": FIRST + dt.timedelta(20),
                "window_end": FIRST + dt.timedelta(30),
            }
        ],
        "watch_episode_platforms": [{"episode_id": "e", "platform_id": "red"}],
    }
    for table, rows in watched.items():
        write_day(home, table, FIRST, rows)


def look(home: Home, random_: random.Random, day: dt.date, source: str = "test", ids: str = "") -> None:
    """What is seen on a day: up to two looks at a chart in each country, or a failed one, or none."""
    captures: list[Row] = []
    entries: list[Row] = []
    for country in COUNTRIES:
        for number in range(random_.choice((0, 1, 1, 1, 2))):
            chart = {
                "capture_id": f"{ids or f'{source}_{day}'}_{country}_{number}",
                "store": "app_store",
                "country": country,
                "chart": "top_free_overall",
                "store_date": day,
            }
            depth = random_.choice((10, 10, 10, 12))
            status = random_.choice(("succeeded", "succeeded", "succeeded", "failed"))
            captures.append(
                {
                    **chart,
                    "captured_at": f"{day} {10 + number}:00:00",
                    "scope": "chart",
                    "depth": depth,
                    "capture_status": status,
                    "provider": random_.choice(("one", "two")),
                }
            )
            if status == "succeeded":
                ranked = random_.sample(APPS, depth)
                entries += [
                    {**chart, "rank": rank, "store_app_id": app, "app_name": app}
                    for rank, app in enumerate(ranked, start=1)
                ]
    write_day(home, "chart_captures", day, captures, source)
    write_day(home, "chart_entries", day, entries, source)


def count(home: Home, random_: random.Random, day: dt.date, source: str = "test") -> None:
    """How often each platform was asked for and named on a day; some days are missing, some are loud.

    Nobody writes about the platform blue.
    """
    attention: list[Row] = []
    news: list[Row] = []
    for platform in PLATFORMS[:2]:
        subject = {"subject_type": "platform", "subject_id": platform, "day_zone": "UTC"}
        loud = random_.choice((1, 1, 1, 1, 4))
        if platform == "green" and QUIET[0] <= day < QUIET[1]:
            continue
        if random_.random() < 0.85:
            attention.append(
                {
                    **subject,
                    "signal": "searches",
                    "item": "all",
                    "attention_date": day,
                    "unit": "searches",
                    "value_status": "observed",
                    "value": loud * random_.randint(80, 120),
                    "monitored_total": 10000,
                }
            )
        if random_.random() < 0.85:
            news.append(named(platform, day, loud * random_.randint(8, 12)))
    news.append(named("blue", day, 0))
    write_day(home, "attention", day, attention, source)
    write_day(home, "news_volume", day, news, source)


def named(platform: str, day: dt.date, items: int) -> Row:
    """How often news named a platform on a day."""
    return {
        "subject_type": "platform",
        "subject_id": platform,
        "day_zone": "UTC",
        "signal": "gdelt_gkg",
        "news_date": day,
        "batch": "day",
        "item_kind": "articles",
        "matching_items": items,
        "monitored_items": 1000,
    }


def by_day() -> dict[str, str]:
    """Every model that is built by day, and its relation."""
    nodes = read_manifest()["nodes"].values()
    return {
        node["name"]: f'"{node["schema"]}"."{node["name"]}"'
        for node in nodes
        if node["resource_type"] == "model" and node["config"].get("materialized") == "incremental"
    }


def build(home: Home, models: Sequence[str] = (), code: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Builds these, or all models by day and what they read; the status of each node."""
    selected = models or [f"+{name}" for name in by_day()]
    results = dbt.build(home, selected, upkeep.note_lake(home, upkeep.lake_of(home), code or read_manifest()))
    return {result.unique_id.split(".")[-1]: result.status for result in results}


def anew(home: Home, folder: Path) -> Home:
    """A home with the same lake and no warehouse, built whole."""
    fresh = Home(folder)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(home.lake, fresh.lake)
    build(fresh)
    return fresh


def differing(home: Home, whole: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Rows that only one of two warehouses has, by model."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home.warehouse}' as mine (read_only)")
        connection.execute(f"attach '{whole.warehouse}' as theirs (read_only)")
        return {
            name: rows
            for name, relation in by_day().items()
            if (
                rows := connection.execute(
                    f"(from mine.{relation} except all from theirs.{relation}) union all "
                    f"(from theirs.{relation} except all from mine.{relation}) limit 5"
                ).fetchall()
            )
        }


def versions(home: Home) -> dict[str, int]:
    """How many days of each model the last build rebuilt; -1 where it built the model whole."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        counts = connection.execute(
            "select model, if(min(day) = date '0001-01-01', -1, count(*)) from upkeep.touched_days "
            "group by model"
        ).fetchall()
    return dict.fromkeys(by_day(), 0) | dict(counts)


@pytest.fixture(scope="module", autouse=True)
def manifest() -> None:
    ensure_manifest()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Some hundred days of counts, the last seventy with two charts, built."""
    home = Home(tmp_path_factory.mktemp("base") / "home")
    prepare_lake(home)
    watch(home)
    random_ = random.Random(4)
    for number in range(-COUNTED_BEFORE, LOOKED_AT):
        count(home, random_, FIRST + dt.timedelta(number))
        if number >= 0:
            look(home, random_, FIRST + dt.timedelta(number))
    assert set(build(home).values()) <= {"success", "pass", "warn"}
    return home


@pytest.fixture
def history(base: Home, home: Home) -> Home:
    """A copy of the base: its files are as old, so nothing is new."""
    shutil.copytree(base.root, home.root, dirs_exist_ok=True)
    return home


# --- tests --------------------------------------------------------------------------------------------


def test_a_new_day_rebuilds_that_day_and_the_look_back(history: Home, tmp_path: Path) -> None:
    assert set(versions(history).values()) == {-1}
    look(history, random.Random(5), FIRST + dt.timedelta(LOOKED_AT))
    count(history, random.Random(5), FIRST + dt.timedelta(LOOKED_AT))
    build(history)
    rebuilt = versions(history)
    assert -1 not in rebuilt.values()
    # With it come the days since the last look before it, on which nobody looked.
    assert 1 <= rebuilt["fct_chart_rank_daily"] == rebuilt["demand_index"] <= 3
    assert rebuilt["fct_chart_health"] <= 3 + 28
    assert rebuilt["int_series_baselines"] <= 3 + 83
    assert differing(history, anew(history, tmp_path / "whole")) == {}


def test_the_observation_before_a_gap_over_a_years_end_is_known(history: Home) -> None:
    """Where models are built by years, it lies before all that the year reads."""
    with duckdb.connect(str(history.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select series_date, previous_date from intermediate.int_series_baselines as later "
            "where platform_id = 'green' and signal_family = 'attention' and previous_date < series_date - 83"
        ).fetchall()
        unknown = connection.execute(
            "select count(*) from intermediate.int_series_baselines as later where previous_date is null "
            "and exists (from intermediate.int_series_baselines as earlier where later.series_id = "
            "earlier.series_id and later.regime = earlier.regime and earlier.series_date < later.series_date)"
        ).fetchall()
    ((after, before),) = rows
    assert before.year < after.year
    assert unknown == [(0,)]


def test_a_build_without_news_rebuilds_no_day(history: Home) -> None:
    build(history)
    assert set(versions(history).values()) == {0}


@pytest.mark.parametrize("seed", range(2))
def test_days_that_come_late_change_and_go_leave_what_a_whole_build_gives(
    history: Home, tmp_path: Path, seed: int
) -> None:
    random_ = random.Random(seed)
    for _ in range(2):
        for _ in range(random_.randint(1, 4)):
            since = random_.choice((-COUNTED_BEFORE, -4))
            day = FIRST + dt.timedelta(random_.randint(since, LOOKED_AT + 6))
            if random_.random() < 0.3:
                for table in ("chart_captures", "chart_entries", "attention", "news_volume"):
                    write_day(history, table, day, ())
            else:
                source = random_.choice(("test", "test", "later"))
                count(history, random_, day, source)
                if since == -4:
                    look(history, random_, day, source)
        build(history)
        assert differing(history, anew(history, tmp_path / "whole")) == {}


def test_a_capture_that_stands_under_two_days_counts_once(history: Home, tmp_path: Path) -> None:
    for seed, late in enumerate((60, 20)):
        look(history, random.Random(seed), FIRST + dt.timedelta(late), "later", ids="same")
        build(history)
    assert differing(history, anew(history, tmp_path / "whole")) == {}
    for table in ("chart_captures", "chart_entries"):  # the one that won goes: the other counts again
        write_day(history, table, FIRST + dt.timedelta(60), (), "later")
    build(history)
    assert differing(history, anew(history, tmp_path / "whole")) == {}


def test_the_first_hit_of_a_series_gives_bursts_to_its_past(history: Home, tmp_path: Path) -> None:
    day = FIRST + dt.timedelta(LOOKED_AT)
    for items in (3, 0):  # and the past loses them again
        write_day(history, "news_volume", day, [named("blue", day, items)])
        build(history)
        assert differing(history, anew(history, tmp_path / "whole")) == {}


def test_what_a_build_left_undone_the_next_one_does(history: Home, tmp_path: Path) -> None:
    """Models write in transactions of their own: a killed build is one that stopped after some of them."""
    look(history, random.Random(1), FIRST + dt.timedelta(33))
    build(history, ["+int_chart_ranks"])
    look(history, random.Random(2), FIRST + dt.timedelta(40))
    build(history, ["+int_chart_moves", "demand_index"])
    build(history)
    assert -1 not in versions(history).values()
    assert differing(history, anew(history, tmp_path / "whole")) == {}


def test_days_whose_tests_have_not_passed_are_built_and_tested_again(history: Home) -> None:
    with duckdb.connect(str(history.warehouse)) as connection:
        connection.execute("delete from upkeep.touched_days where model = 'fct_chart_rank_daily'")
        connection.execute(
            "insert into upkeep.touched_days values ('fct_chart_rank_daily', date '2025-01-09', false)"
        )
        connection.execute("delete from marts.fct_chart_rank_daily where store_date = date '2025-01-09'")
    build(history)
    assert versions(history)["fct_chart_rank_daily"] == versions(history)["demand_index"] == 1
    build(history)
    assert versions(history)["fct_chart_rank_daily"] == 0


def test_other_code_builds_everything_whole(history: Home) -> None:
    other = read_manifest()
    other["macros"]["macro.another"] = {"macro_sql": "select 2"}
    build(history, code=other)
    assert set(versions(history).values()) == {-1}
