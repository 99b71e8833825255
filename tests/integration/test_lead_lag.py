"""Two signals through the lake and dbt: who leads, by days and by hours, and what is never claimed."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

WINDOW = (dt.date(2025, 1, 6), dt.date(2025, 2, 28))
FIRST = dt.date(2024, 12, 9)
DAYS = 82
LEAD_DAYS, LEAD_HOURS = 3, 5
HOURS = 240


def counts(seed: int, length: int) -> list[int]:
    """A slow series of counts that never reaches zero."""
    dice, level, out = np.random.default_rng(seed), 0.0, []
    for _ in range(length):
        level = 0.6 * level + dice.normal()
        out.append(round(1000 * float(np.exp(level / 2))))
    return out


def page_views(platform: str, day: int, value: int) -> dict[str, object]:
    return {
        "signal": "wikipedia_pageviews", "subject_type": "platform", "subject_id": platform,
        "item": f"{platform} page",
        "attention_date": FIRST + dt.timedelta(days=day), "day_zone": "UTC", "value": value,
        "value_status": "observed", "unit": "views",
    }  # fmt: skip


def news(signal: str, platform: str, at: dt.datetime, batch: str, value: int) -> dict[str, object]:
    return {
        "signal": signal, "subject_type": "platform", "subject_id": platform, "news_date": at.date(),
        "day_zone": "UTC", "batch": batch, "item_kind": "articles", "matching_items": value,
        "monitored_items": 1_000_000,
    }  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Page views lead daily news of xiaohongshu by three days; of lemon8 they have nothing in common.

    Of clapper two sources count the news of ten days by the hour, one five hours after the other.
    """
    home = Home(tmp_path_factory.mktemp("lead_lag") / "home")
    prepare_lake(home)
    episode = {"episode_id": "e", "title": "An episode", "origin_platform_id": "tiktok", "geography": "US",
               "window_start": WINDOW[0], "window_end": WINDOW[1]}  # fmt: skip
    put(home, "watch_episodes", [episode])
    platforms = ("xiaohongshu", "lemon8", "clapper")
    put(home, "watch_episode_platforms", [{"episode_id": "e", "platform_id": one} for one in platforms])
    source, other, unrelated = counts(1, DAYS + LEAD_DAYS), counts(2, DAYS), counts(3, DAYS)
    put(home, "watch_wikipedia_titles", [
        {"subject_type": "platform", "subject_id": one, "project": "en.wikipedia", "title": f"{one} page",
         "is_primary": True} for one in platforms
    ])  # fmt: skip
    put(home, "attention", [
        row for n in range(DAYS)
        for row in (page_views("xiaohongshu", n, source[n + LEAD_DAYS]), page_views("lemon8", n, other[n]))
    ])  # fmt: skip
    days = [(n, dt.datetime.combine(FIRST, dt.time()) + dt.timedelta(days=n)) for n in range(DAYS)]
    hourly = counts(4, HOURS + LEAD_HOURS)
    start = dt.datetime(2025, 1, 10)  # noqa: DTZ001
    put(home, "news_volume", [
        *(news("daily", "xiaohongshu", day, "day", source[n]) for n, day in days),
        *(news("daily", "lemon8", day, "day", unrelated[n]) for n, day in days),
        *(
            news(signal, "clapper", at, at.strftime("%Y%m%d%H%M%S"), value)
            for n in range(HOURS)
            for at in [start + dt.timedelta(hours=n)]
            for signal, value in (("early", hourly[n + LEAD_HOURS]), ("late", hourly[n]))
        ),
    ])  # fmt: skip
    arguments = ["build", "--select", "+lead_lag", "+lead_lag_correlations", "+event_order"]
    statuses = run_dbt(home, *arguments, "--exclude-resource-type", "unit_test")
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    return home


def test_the_days_by_which_views_lead_the_news_are_found(built: Home) -> None:
    told = read(
        built,
        "select platform_id, overlap_points, best_lag, lag_lower, lag_upper, ordering, verdict, null_reason "
        "from marts.lead_lag where platform_id = 'xiaohongshu'",
    )
    verdict = "wikipedia_pageviews/xiaohongshu leads by 3 days"
    assert told == [("xiaohongshu", DAYS, LEAD_DAYS, 3, 3, "leader_first", verdict, None)]


def test_what_has_nothing_in_common_gets_no_order(built: Home) -> None:
    ((ordering, chance),) = read(
        built, "select ordering, chance_probability from marts.lead_lag where platform_id = 'lemon8'"
    )
    assert ordering == "no_relation"
    assert chance > 0.05


def test_hours_order_what_days_cannot(built: Home) -> None:
    told = read(
        built,
        "select scale, overlap_points, best_lag, ordering, null_reason from marts.lead_lag "
        "where platform_id = 'clapper' order by scale",
    )
    too_short = "10 points are observed in both series; at least 20 are needed"
    assert told == [("daily", 10, None, None, too_short), ("hourly", HOURS, LEAD_HOURS, "leader_first", None)]


def test_every_lag_of_a_pair_is_kept(built: Home) -> None:
    lags = read(
        built,
        "select platform_id, count(*), min(lag), max(lag), count(rho) from marts.lead_lag_correlations "
        "group by platform_id order by platform_id",
    )
    assert lags == [
        ("clapper", 97, -48, 48, 97),
        ("lemon8", 29, -14, 14, 29),
        ("xiaohongshu", 29, -14, 14, 29),
    ]


def test_another_build_of_the_same_lake_gives_the_same_marts(built: Home) -> None:
    marts = ("lead_lag", "lead_lag_correlations", "event_order")
    before = [read(built, f"from marts.{mart}") for mart in marts]
    run_dbt(built, "build", "--threads", "4", "--select", "int_lead_lag_fits", *marts)
    assert [read(built, f"from marts.{mart}") for mart in marts] == before
