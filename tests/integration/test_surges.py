"""Surges on made-up series: the recursions against plain loops, and what must not change a figure."""

from __future__ import annotations

import datetime as dt
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

FIRST = dt.date(2024, 3, 1)
DAYS = 160
SHIFT = 205
"""Days; not a whole number of weeks. The app then enters on a year's last day: `surges` is built by years."""
APPS = [str(number) for number in range(100, 140)]
DEPTH = 30
Rows = list[dict[str, object]]


def counts(dice: random.Random, signal: str, *, peak: int | None, gaps: Sequence[int] = ()) -> Rows:
    """A weekly cycle with noise and, from `peak` on, a wave that halves every five days."""
    rows: Rows = []
    for day in range(DAYS):
        wave = 0 if peak is None or day < peak else 900 * 0.5 ** ((day - peak) / 5)
        value = round(100 + 10 * math.sin(day * math.tau / 7) + wave + dice.gauss(0, 8))
        seen = day not in gaps
        rows.append(
            {
                "signal": signal,
                "subject_type": "platform",
                "subject_id": "new",
                "item": signal,
                "attention_date": FIRST + dt.timedelta(days=day),
                "day_zone": "UTC",
                "value": value if seen else None,
                "value_status": "observed" if seen else "not_fetched",
                "monitored_total": 20_000 + dice.randrange(500) if seen else None,
                "unit": "views",
            }
        )
    return rows


def captures(dice: random.Random) -> tuple[Rows, Rows]:
    """A chart of thirty apps that changes a little every day; app 139 enters on day 100 and stays first."""
    looks: Rows = []
    entries: Rows = []
    order = list(APPS[:-1])
    for day in range(DAYS):
        at = dice.randrange(len(order) - 1)
        order[at], order[at + 1] = order[at + 1], order[at]
        if day in (60, 61, 75):
            continue
        listed = ([APPS[-1]] if day >= 100 else []) + order
        common = {
            "capture_id": f"look_{day}",
            "store": "app_store",
            "country": "US",
            "chart": "top_free_overall",
            "store_date": FIRST + dt.timedelta(days=day),
        }
        instant = dt.datetime.combine(FIRST, dt.time(20)) + dt.timedelta(days=day)
        looks.append(
            {
                **common,
                "captured_at": instant,
                "scope": "chart",
                "depth": DEPTH,
                "capture_status": "succeeded",
                "provider": "test",
            }
        )
        for rank, app in enumerate(listed[:DEPTH], start=1):
            entries.append({**common, "rank": rank, "store_app_id": app})
    return looks, entries


def lake() -> dict[str, Rows]:
    dice = random.Random(20250113)
    looks, entries = captures(dice)
    return {
        "attention": [
            *counts(dice, "quiet", peak=None),
            *counts(dice, "wave", peak=90),
            *counts(dice, "gappy", peak=90, gaps=(40, 41, 42, 43, 88, 91, 120)),
            *counts(dice, "last_day", peak=DAYS - 1),
            *counts(dice, "blind", peak=90, gaps=(91, 92)),
        ],
        "chart_captures": looks,
        "chart_entries": entries,
        "watch_apps": [{"platform_id": "new", "store": "app_store", "store_app_id": APPS[-1]}],
        "watch_storefronts": [{"country": "US", "store_zone": "America/New_York"}],
    }


def shuffled(tables: Mapping[str, Rows]) -> dict[str, Rows]:
    dice = random.Random(7)
    return {name: dice.sample(rows, len(rows)) for name, rows in tables.items()}


def twice(tables: Mapping[str, Rows]) -> dict[str, Rows]:
    """Every row once more from a later load, and every look at the chart once more under another id."""
    again = {"load_id": "later", "observed_at": "2025-07-10"}
    doubled = {name: [*rows, *({**row, **again} for row in rows)] for name, rows in tables.items()}
    for name in ("chart_captures", "chart_entries"):
        doubled[name] += [{**row, "capture_id": f"{row['capture_id']}_again"} for row in tables[name]]
    return doubled


def shifted(tables: Mapping[str, Rows]) -> dict[str, Rows]:
    def later(value: object) -> object:
        return value + dt.timedelta(days=SHIFT) if isinstance(value, dt.date) else value

    return {
        name: [{key: later(value) for key, value in row.items()} for row in rows]
        for name, rows in tables.items()
    }


def build(home: Home, tables: Mapping[str, Rows]) -> Home:
    prepare_lake(home)
    for name, rows in tables.items():
        put(home, name, rows)
    arguments = ["build", "--select", "+surges", "+demand_index", "--exclude-resource-type", "unit_test"]
    statuses = run_dbt(home, *arguments)
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    return home


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return build(Home(tmp_path_factory.mktemp("surges") / "home"), lake())


def rows_of(home: Home, signal: str, columns: str) -> list[tuple[Any, ...]]:
    return read(
        home,
        f"select series_date, {columns} from marts.surges where signal = '{signal}' order by series_date",
    )


# --- what must not change a figure ----------------------------------------------------------------

KEPT = {
    "surges": "* exclude (provenance)",
    "fct_chart_health": "* exclude (capture_id)",
    # Which year a day lies in decides which anchor is the nearest.
    "demand_index": "* exclude (provenance, downloads_per_day, downloads_null_reason, anchor_year, "
    "min_downloads_per_day, max_downloads_per_day)",
}
DATES = ("series_date", "previous_date", "store_date", "known_break_date")


@pytest.mark.parametrize("change", [shuffled, twice, shifted])
def test_no_figure_depends_on_order_copies_or_the_clock(change: Any, built: Home, home: Home) -> None:
    build(home, change(lake()))
    for mart, columns in KEPT.items():
        before = sorted(read(built, f"select {columns} from marts.{mart}"), key=str)
        after = read(home, f"select {columns} from marts.{mart}")
        if change is shifted:
            back = dt.timedelta(days=SHIFT)
            after = [tuple(v - back if isinstance(v, dt.date) else v for v in row) for row in after]
        assert before
        assert sorted(after, key=str) == before, mart


def test_no_rank_is_carried_over_a_day_without_a_look(built: Home) -> None:
    missed = [FIRST + dt.timedelta(days=day) for day in (60, 61, 75)]
    in_list = ", ".join(f"date '{day}'" for day in missed)
    for mart, column in (("surges", "series_date"), ("fct_chart_health", "store_date")):
        where = "signal_family = 'chart'" if mart == "surges" else "true"
        assert read(built, f"select * from marts.{mart} where {where} and {column} in ({in_list})") == []
    assert read(
        built, f"select distinct rank, demand_index from marts.demand_index where store_date in ({in_list})"
    ) == [(None, None)]
    gaps = read(
        built,
        "select store_date, days_since_previous from marts.fct_chart_health where days_since_previous > 1",
    )
    assert sorted(gaps) == [(FIRST + dt.timedelta(days=62), 3), (FIRST + dt.timedelta(days=76), 2)]


# --- when did it start ----------------------------------------------------------------------------


def test_a_wave_is_found_on_its_day_and_quiet_starts_nothing(built: Home) -> None:
    onsets = read(built, "select signal, series_date from marts.surges where surge_onset order by 1, 2")
    assert onsets == [
        ("blind", FIRST + dt.timedelta(days=93)),
        ("chart_log_rank", FIRST + dt.timedelta(days=100)),
        ("chart_visibility", FIRST + dt.timedelta(days=100)),
        ("gappy", FIRST + dt.timedelta(days=90)),
        ("wave", FIRST + dt.timedelta(days=90)),
    ]


def test_what_may_have_begun_beside_an_unknown_day_is_not_known(built: Home) -> None:
    """The wave began on day 90. An unseen day after it does not hide that; two do, or the end of the data."""
    reason = "beyond the threshold, and a day beside it is not known"
    unknown = {
        signal: [
            (row[0] - FIRST).days for row in rows_of(built, signal, "surge_null_reason") if row[1] == reason
        ]
        for signal in ("blind", "gappy", "last_day", "wave", "quiet")
    }
    assert unknown == {"blind": [90], "gappy": [], "last_day": [DAYS - 1], "wave": [], "quiet": []}


def test_an_app_that_was_not_in_the_chart_has_a_scale(built: Home) -> None:
    day = FIRST + dt.timedelta(days=100)
    [row] = [
        row
        for row in rows_of(
            built, "chart_log_rank", "baseline_mad, scale, scale_method, robust_z, shock, shock_is_censored"
        )
        if row[0] == day
    ]
    climb = math.log(DEPTH + 1)
    assert row[1:4] == (0.0, 0.25, "least scale of the signal")
    assert row[4:] == (pytest.approx(climb / 0.25), pytest.approx(climb), True)


# --- the recursions, by plain loops ---------------------------------------------------------------


def test_ewma_and_cusum_are_the_recursions_over_28_days(built: Home) -> None:
    for signal in ("wave", "gappy"):
        rows = rows_of(
            built, signal, "value, baseline_median, ewma, detrended_z, cusum_up, cusum_down, cusum_alarm"
        )
        alarms = 0
        for day, _, median, ewma, z, up, down, alarm in rows:
            recent = [row for row in rows if dt.timedelta(0) <= day - row[0] < dt.timedelta(days=28)]
            if ewma is not None:
                expected = median
                for row in recent:
                    expected = 0.2 * row[1] + 0.8 * expected
                assert ewma == pytest.approx(expected, abs=1e-9)
            if z is not None:
                high = low = 0.0
                for row in recent:
                    if row[4] is not None:
                        high = max(0.0, high + row[4] - 0.5)
                        low = max(0.0, low - row[4] - 0.5)
                assert (up, down) == (pytest.approx(high, abs=1e-9), pytest.approx(low, abs=1e-9))
                assert alarm == ("none" if max(high, low) <= 5 else "up" if high >= low else "down")
                alarms += alarm == "up" and day >= FIRST + dt.timedelta(days=90)
        assert alarms


def baseline_of(values: Mapping[dt.date, float], day: dt.date, first: int, last: int) -> list[float]:
    days = (day - dt.timedelta(days=back) for back in range(first, last - 1, -1))
    return [values[before] for before in days if before in values]


def robust_z(value: float, before: Sequence[float], least: float) -> float:
    centre = statistics.median(before)
    spread = statistics.median(abs(x - centre) for x in before)
    return (value - centre) / max(1.4826 * spread, least)


def test_z_is_that_of_the_28_days_before_with_and_without_their_trend(built: Home) -> None:
    for signal in ("wave", "gappy"):
        rows = rows_of(built, signal, "value, baseline_days, robust_z, detrended_z")
        values = {row[0]: row[1] for row in rows}
        left: dict[dt.date, float] = {}
        for day, value, days, z, detrended in rows:
            before = baseline_of(values, day, 28, 1)
            assert days == len(before)
            assert (z is None) == (len(before) < 14)
            if z is None:
                continue
            least = math.sqrt(max(statistics.median(before), 1))
            assert z == pytest.approx(robust_z(value, before, least), abs=1e-9)
            early, late = baseline_of(values, day, 28, 15), baseline_of(values, day, 14, 1)
            if min(len(early), len(late)) >= 7:
                slope = (statistics.median(late) - statistics.median(early)) / 14
                left[day] = value - statistics.median(late) - slope * 7.5
            residuals = baseline_of(left, day, 28, 1)
            assert (detrended is None) == (day not in left or len(residuals) < 14)
            if detrended is not None:
                assert detrended == pytest.approx(robust_z(left[day], residuals, least), abs=1e-9)


def test_a_trend_is_no_surge_to_the_cusum(home: Home) -> None:
    """A steady rise of one a day sets off the plain z of its end, not the detrended one."""
    dice = random.Random(3)
    rows = counts(dice, "rising", peak=None)
    for day, row in enumerate(rows):
        row["value"] = 300 + 4 * day + round(dice.gauss(0, 8))
    build(home, {**lake(), "attention": rows})
    told = [
        row for row in rows_of(home, "rising", "robust_z, detrended_z, cusum_alarm") if row[2] is not None
    ]
    assert statistics.fmean(row[1] for row in told) > 1
    assert abs(statistics.fmean(row[2] for row in told)) < 0.3
    assert sum(row[3] != "none" for row in told) < 0.1 * len(told)


def viterbi(hits: Sequence[float], totals: Sequence[float], s: float = 2, gamma: float = 1) -> list[int]:
    """Kleinberg's two states, batched, by the textbook's recursion with both costs and pointers back."""
    rate = sum(hits) / sum(totals)
    rates = (rate, s * rate)
    up = gamma * math.log(len(hits))
    best, back = [0.0, math.inf], []
    for r, d in zip(hits, totals, strict=True):
        own = [-(r * math.log(p) + (d - r) * math.log(1 - p)) for p in rates]
        from_rest = (best[0], best[0] + up)
        pointers = [int(best[1] < from_rest[0]), int(best[1] < from_rest[1])]
        best = [own[0] + min(best[0], best[1]), own[1] + min(from_rest[1], best[1])]
        back.append(pointers)
    state = int(best[1] < best[0])
    path = []
    for pointers in reversed(back):
        path.append(state)
        state = pointers[state]
    return path[::-1]


def test_bursts_are_kleinbergs_path_and_weight(built: Home) -> None:
    for signal in ("quiet", "wave", "gappy"):
        rows = rows_of(built, signal, "value, total, burst_state, burst_weight")
        hits, totals = [row[1] for row in rows], [row[2] for row in rows]
        path = viterbi(hits, totals)
        assert [row[3] for row in rows] == path
        rate = sum(hits) / sum(totals)
        saved = [
            r * math.log(2) + (d - r) * math.log((1 - 2 * rate) / (1 - rate))
            for r, d in zip(hits, totals, strict=True)
        ]
        start = 0
        while start < len(path):
            end = start
            while end < len(path) and path[end] == path[start]:
                end += 1
            weight = sum(saved[start:end]) if path[start] else 0.0
            assert all(rows[at][4] == pytest.approx(weight, abs=1e-9) for at in range(start, end))
            start = end
        assert any(path) == (signal != "quiet")
