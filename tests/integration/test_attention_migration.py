"""Shares of voice, displacement and the migration index, against independent computations."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

START = dt.date(2025, 1, 6)
DAYS = [START + dt.timedelta(days=n) for n in range(-28, 12)]
WINDOW = [day for day in DAYS if day >= START]
PLATFORMS = ("origin", "first", "second")
SELECTED = ("share_of_voice_daily", "attention_displacement", "migration_daily")
GAP = START + dt.timedelta(days=8)
SILENT = START + dt.timedelta(days=9)
SHIFT = dt.timedelta(days=400)

Counts = Mapping[tuple[str, dt.date], int | None]


def made_up_counts() -> dict[tuple[str, dt.date], int | None]:
    """News of three platforms: `first` surges with the window; one day has a gap, of one nobody spoke."""
    dice = random.Random(20250113)
    counts: dict[tuple[str, dt.date], int | None] = {}
    for day in DAYS:
        for platform, usual in zip(PLATFORMS, (40, 10, 6), strict=True):
            surge = 6 if platform == "first" and day >= START else 1
            counts[platform, day] = dice.randint(usual // 2, usual * 2) * surge
    counts["second", GAP] = None
    for platform in PLATFORMS:
        counts[platform, SILENT] = 0
    return counts


def made_up_ranks() -> dict[tuple[str, dt.date], int | None]:
    """Ranks in a chart of 100; None beyond it. `first` enters with the window and reaches number 1."""
    dice = random.Random(7)
    ranks: dict[tuple[str, dt.date], int | None] = {}
    for number, day in enumerate(DAYS):
        ranks["origin", day] = dice.randint(2, 6)
        ranks["first", day] = None if day < START else max(1, 40 - 10 * (number - 28))
        ranks["second", day] = dice.randint(50, 90)
    return ranks


def moved(value: Any, by: dt.timedelta) -> Any:
    """A day moved; anything else as it is."""
    return value + by if isinstance(value, dt.date) else value


def build(home: Home, counts: Counts, *, disturbed: bool = False) -> None:
    """A lake of these signals, and the marts of this part on it.

    `disturbed`: every row twice, in another order, and all days moved by `SHIFT`.
    """
    prepare_lake(home)
    places = {"store": "app_store", "country": "US", "chart": "top_free_overall"}
    tables: dict[str, list[dict[str, Any]]] = {
        "watch_storefronts": [{"country": "US", "store_zone": "America/New_York"}],
        "watch_platforms": [{"platform_id": name, "name": name, "kind": "social"} for name in PLATFORMS],
        "watch_episodes": [
            {
                "episode_id": "episode", "title": "An episode", "origin_platform_id": "origin",
                "geography": "US", "window_start": START, "window_end": DAYS[-1],
            }
        ],
        "watch_episode_platforms": [
            {"episode_id": "episode", "platform_id": name} for name in ("first", "second")
        ],
        "news_volume": [
            {
                "signal": "news", "subject_type": "platform", "subject_id": platform, "news_date": day,
                "day_zone": "UTC", "batch": "day", "item_kind": "articles", "matching_items": count,
                "monitored_items": 1000,
            }
            for (platform, day), count in counts.items()
        ],
        "chart_captures": [
            {
                "capture_id": f"c{day}", **places, "store_date": day, "scope": "chart", "depth": 100,
                "capture_status": "succeeded",
            }
            for day in DAYS
        ],
        "chart_entries": [
            {
                "capture_id": f"c{day}", **places, "store_date": day, "rank": rank, "platform_id": platform,
                "app_name": platform,
            }
            for (platform, day), rank in made_up_ranks().items()
            if rank is not None
        ],
        "articles": [
            {
                "article_id": name, "url": f"https://example.org/{name}", "outlet": name,
                "published_date": START, "published_precision": "day", "story_cluster_id": story,
                "tone_score": tone,
            }
            for name, story, tone in (("a", "s", -2), ("b", "s", -4), ("c", None, 3))
        ],
        "article_mentions": [
            {"article_id": article, "platform_id": platform, "alias": platform, "found_in": "title"}
            for article, platform in (("a", "origin"), ("a", "first"), ("b", "origin"), ("c", "origin"))
        ],
    }  # fmt: skip
    dice = random.Random(1)
    for name, rows in tables.items():
        given = [{key: moved(value, SHIFT) for key, value in row.items()} for row in rows * 2]
        dice.shuffle(given)
        put(home, name, given if disturbed else rows)
    models = [f"+{name}" for name in SELECTED]
    statuses = run_dbt(home, "build", "--select", *models, "--exclude-resource-type", "unit_test")
    assert set(statuses.values()) <= {"success", "pass"}, statuses


def everything(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    return {name: read(home, f"from marts.{name}") for name in SELECTED}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("voice") / "home")
    build(home, made_up_counts())
    return home


def share(counts: Counts, days: list[dt.date]) -> np.ndarray[Any, Any]:
    sums = [sum(counts[platform, day] or 0 for day in days) for platform in PLATFORMS]
    return np.array(sums) / sum(sums)


def whole(day: dt.date) -> bool:
    return day != GAP


def test_shares_lie_between_none_and_all_and_add_up(built: Home) -> None:
    rows = read(
        built,
        "select voice_date, count(*), count(share), sum(share), min(share), max(share) "
        "from marts.share_of_voice_daily where source = 'news' group by voice_date",
    )
    assert {day for day, *_ in rows} == set(DAYS)
    for day, platforms, shared, total, least, most in rows:
        assert platforms == 3
        if day in {GAP, SILENT}:
            assert (shared, total) == (0, None)
        else:
            assert shared == 3
            assert total == pytest.approx(1, abs=1e-12)
            assert 0 <= least <= most <= 1
    reasons = read(
        built,
        "select distinct voice_date, share_null_reason from marts.share_of_voice_daily "
        "where source = 'news' and share is null order by 1",
    )
    assert reasons == [
        (GAP, "the set is incomplete: no value of second"),
        (SILENT, "no platform of the set was named"),
    ]


def test_displacement_is_that_of_scipy(built: Home) -> None:
    counts = made_up_counts()
    before = share(counts, [day for day in DAYS if day < START])
    rows = read(
        built,
        "select period, period_start, hhi, entropy_bits, total_displacement, js_divergence "
        "from marts.attention_displacement where source = 'news' and hhi is not null",
    )
    assert len(rows) == len(WINDOW) - 2 + 1
    for period, start, hhi, entropy, moved, divergence in rows:
        days = [day for day in WINDOW if whole(day)] if period == "window" else [start]
        after = share(counts, days)
        assert hhi == pytest.approx(float(np.sum(after**2)), rel=1e-9)
        assert entropy == pytest.approx(-sum(p * math.log2(p) for p in after if p > 0), rel=1e-9)
        assert moved == pytest.approx(float(np.abs(after - before).sum() / 2), rel=1e-9)
        assert divergence == pytest.approx(float(jensenshannon(before, after, base=2)) ** 2, abs=1e-9)
        assert 0 <= divergence <= 1


def test_copies_of_a_story_are_one_voice_and_tone_is_weighted_by_volume(built: Home) -> None:
    voices = read(
        built,
        "select platform_id, value, articles, mean_tone, tone_null_reason from marts.share_of_voice_daily "
        f"where source = 'article_stories' and voice_date = date '{START}' order by platform_id",
    )
    assert voices == [
        ("first", 1, 1, -2, None),
        ("origin", 2, 3, -1, None),
        ("second", 0, 0, None, "no article names the platform on this day"),
    ]
    # Four mentions: -2, -4 and 3 of the origin, -2 of the first destination.
    told = read(
        built,
        "select articles, stories, mean_tone from marts.attention_displacement "
        "where source = 'article_stories' and period = 'window'",
    )
    assert told == [(3, 2, -1.25)]


def scored(series: dict[dt.date, float], samples: dict[dt.date, int] | None = None) -> dict[dt.date, float]:
    """Robust z-scores of the window's days; a share's spread is at least what chance makes of its items."""
    baseline = [value for day, value in series.items() if day < START]
    centre = float(np.median(baseline))
    spread = 1.4826 * float(np.median(np.abs(np.array(baseline) - centre)))
    usual = float(np.median([n for day, n in samples.items() if day < START])) if samples else 1.0
    return {
        day: (value - centre) / max(spread, math.sqrt(1 / samples[day] + 1 / usual) if samples else 0.25)
        for day, value in series.items()
        if day >= START
    }


def log_ranks(platform: str) -> dict[dt.date, float]:
    return {day: -math.log(rank or 101) for (name, day), rank in made_up_ranks().items() if name == platform}


def trailing_shares(platform: str) -> tuple[dict[dt.date, float], dict[dt.date, int]]:
    """2 asin(sqrt(share)) over seven days, of those with four whole days, and how many items they have."""
    counts = made_up_counts()
    values, samples = {}, {}
    for day in DAYS:
        days = [d for d in (day - dt.timedelta(days=n) for n in range(7)) if d in DAYS and whole(d)]
        total = sum(counts[name, d] or 0 for d in days for name in PLATFORMS)
        if len(days) >= 4:
            part = sum(counts[platform, d] or 0 for d in days)
            values[day], samples[day] = 2 * math.asin(math.sqrt(part / total)), total
    return values, samples


@pytest.mark.parametrize("platform", ["first", "second"])
def test_the_index_is_that_of_an_independent_computation(built: Home, platform: str) -> None:
    legs = [
        scored(log_ranks(platform)),
        scored({day: -value for day, value in log_ranks("origin").items()}),
        scored(*trailing_shares(platform)),
    ]
    rows = read(
        built,
        "select index_date, migration_index, index_low, index_high, n_legs, legs_missing "
        f"from marts.migration_daily where platform_id = '{platform}' order by index_date",
    )
    assert [day for day, *_ in rows] == WINDOW
    for day, index, low, high, n_legs, missing in rows:
        z = [leg[day] for leg in legs]
        means = [
            float(np.average(z, weights=weights)) for weights in itertools.product((0.5, 1, 1.5), repeat=3)
        ]
        assert n_legs == 3
        assert missing.startswith("co_mention (")
        assert index == pytest.approx(float(np.mean(z)), rel=1e-9, abs=1e-9)
        assert (low, high) == pytest.approx((min(means), max(means)), rel=1e-9, abs=1e-9)


def test_the_destination_that_surges_stands_out_and_number_1_is_a_bound(built: Home) -> None:
    rows = read(
        built,
        "select platform_id, max(migration_index), max(destination_demand_bound) from marts.migration_daily "
        f"where index_date = date '{START + dt.timedelta(days=5)}' group by platform_id order by platform_id",
    )
    (_, surged, bound), (_, quiet, other) = rows
    assert surged > 5 > quiet
    assert (bound, other) == ("at_least", "exact")


def test_neither_order_nor_copies_nor_the_clock_change_anything(built: Home, home: Home) -> None:
    build(home, made_up_counts(), disturbed=True)
    moved_back = {
        name: [tuple(moved(value, -SHIFT) for value in row) for row in rows]
        for name, rows in everything(home).items()
    }
    assert moved_back == everything(built)
