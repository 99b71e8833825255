"""Chart health on recorded charts, against scipy and against the definitions written out; and demand."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Home
from tests._support.recorded_charts import Recorded, history_of_four_genres, history_of_japan, together
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

THREADS = "6446901002"
COLUMNS = (
    "chart, store_date, previous_date, days_since_previous, compared_depth, shared_apps, churn, jaccard, "
    "kendall_tau_b, rank_biased_overlap, median_log_rank_shock, churn_z, chart_is_shocked"
)
Chart = tuple[str, date]


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Recorded:
    charts = shared / "recordings" / "charts"
    return together(
        [
            history_of_japan(charts / "apple_jp_finance_html/jp_iphone_top_free_finance_history.parquet"),
            history_of_four_genres(charts / "apple_us_genres_2026/us_top_free_4genres_2026_history.parquet"),
        ]
    )


@pytest.fixture(scope="module")
def built(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("charts") / "home")
    prepare_lake(home)
    put(home, "chart_captures", recorded.captures)
    put(home, "chart_entries", recorded.entries)
    put(
        home,
        "watch_apps",
        [{"platform_id": "threads", "store": "app_store", "store_app_id": THREADS, "app_name": "Threads"}],
    )
    put(
        home,
        "watch_storefronts",
        [
            {"country": "US", "store_zone": "America/New_York"},
            {"country": "JP", "store_zone": "Asia/Tokyo"},
        ],
    )
    arguments = ["build", "--select", "+surges", "+demand_index", "--exclude-resource-type", "unit_test"]
    statuses = run_dbt(home, *arguments)
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    return home


@pytest.fixture(scope="module")
def lists(recorded: Recorded) -> dict[Chart, dict[str, int]]:
    """The last list of each chart and day, rank by app."""
    last: dict[Chart, Any] = {}
    for capture in recorded.captures:
        key = (str(capture["chart"]), capture["store_date"])
        if key not in last or last[key]["captured_at"] < capture["captured_at"]:  # type: ignore[index]
            last[key] = capture  # type: ignore[index]
    keys = {capture["capture_id"]: key for key, capture in last.items()}
    found: dict[Chart, dict[str, int]] = defaultdict(dict)
    for entry in sorted(recorded.entries, key=lambda row: int(row["rank"])):  # type: ignore[call-overload]
        if entry["capture_id"] in keys:
            ranks = found[keys[entry["capture_id"]]]
            ranks.setdefault(str(entry["store_app_id"]), int(entry["rank"]))  # type: ignore[call-overload]
    return found


def rank_biased_overlap(one: dict[str, int], other: dict[str, int], depth: int, p: float = 0.9) -> float:
    """Equation 30 of Webber, Moffat and Zobel (2010), written out."""

    def shared_down_to(d: int) -> int:
        return len({a for a, r in one.items() if r <= d} & {a for a, r in other.items() if r <= d})

    total = sum(shared_down_to(d) / d * p**d for d in range(1, depth + 1))
    return shared_down_to(depth) / depth * p**depth + (1 - p) / p * total


def test_every_day_is_compared_with_the_day_before(built: Home, lists: dict[Chart, dict[str, int]]) -> None:
    from scipy.stats import kendalltau

    rows = read(built, f"select {COLUMNS} from marts.fct_chart_health order by chart, store_date")
    assert [(row[0], row[1]) for row in rows] == sorted(lists)
    compared = 0
    for row in rows:
        chart, day, before, gap, depth, shared, churn, jaccard, tau, overlap, shock = row[:11]
        if before is None:
            assert churn is None
            continue
        assert gap == (day - before).days
        now = {app: rank for app, rank in lists[chart, day].items() if rank <= depth}
        then = {app: rank for app, rank in lists[chart, before].items() if rank <= depth}
        both = sorted(set(now) & set(then))
        longer = max(len(now), len(then))
        assert shared == len(both)
        assert churn == pytest.approx(1 - len(both) / longer, abs=1e-12)
        assert jaccard == pytest.approx(len(both) / len(set(now) | set(then)), abs=1e-12)
        if compared % 10 == 0:
            expected = kendalltau([now[app] for app in both], [then[app] for app in both]).statistic
            assert tau == pytest.approx(expected, abs=1e-12)
            assert overlap == pytest.approx(rank_biased_overlap(now, then, depth), abs=1e-12)
            shocks = sorted(math.log(then[app]) - math.log(now[app]) for app in both)
            middle = (shocks[(len(shocks) - 1) // 2] + shocks[len(shocks) // 2]) / 2
            assert shock == pytest.approx(middle, abs=1e-12)
        compared += 1
    assert compared == len(lists) - 5


def test_most_days_of_a_chart_are_no_shock(built: Home) -> None:
    [(judged, shocked)] = read(
        built,
        "select count(chart_is_shocked), count(case when chart_is_shocked then 1 end) "
        "from marts.fct_chart_health",
    )
    assert judged > 950
    assert 0 < shocked < 0.05 * judged


def test_an_apps_own_move_is_told_from_the_charts(built: Home, lists: dict[Chart, dict[str, int]]) -> None:
    rows = read(
        built,
        "select surges.series_date, surges.chart, chart_relative_shock, health.median_log_rank_shock, "
        "health.previous_date from marts.surges as surges "
        "inner join marts.fct_chart_health as health on surges.chart = health.chart "
        "and surges.series_date = health.store_date where chart_relative_shock is not null order by 1",
    )
    assert rows
    for day, chart, relative, median, before in rows:
        own = math.log(lists[chart, before][THREADS]) - math.log(lists[chart, day][THREADS])
        assert relative == pytest.approx(own - median, abs=1e-12)


def test_a_quiet_platform_starts_nothing(built: Home) -> None:
    """Threads in its genre over half a year: at most one alarm a year and scale would be none here."""
    [(days, onsets)] = read(
        built,
        "select count(is_surge), count(case when surge_onset then 1 end) from marts.surges "
        "where signal = 'chart_log_rank' and chart = 'top_free_social'",
    )
    assert days > 150
    assert onsets == 0


def test_demand_follows_the_scenarios_and_ranks_are_not_imputed(built: Home) -> None:
    rows = read(
        built,
        "select scenario, rank, depth, demand_index, demand_index_upper_bound, is_censored "
        "from marts.demand_index where rank_status in ('ranked', 'unranked')",
    )
    exponents = {"low": 0.30, "mid": 0.48, "high": 0.94}
    for scenario, rank, depth, index, bound, is_censored in rows:
        at = rank or depth + 1
        if scenario in exponents:
            expected = 100 * at ** -exponents[scenario]
        else:
            expected = 100 * min(at, 10) ** -0.477 * max(at / 10, 1) ** -0.944
        assert (index, bound)[rank is None] == pytest.approx(expected, rel=1e-12)
        assert (index, bound)[rank is not None] is None
        assert is_censored == (rank in (None, 1))
    unseen = read(
        built,
        "select count(*) from marts.demand_index where rank_status not in ('ranked', 'unranked') "
        "and (rank is not null or demand_index is not null or downloads_per_day is not null)",
    )
    assert unseen == [(0,)]
