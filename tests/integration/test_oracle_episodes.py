"""Onset, peak, half-life and retention of Bluesky in November 2024, against numbers worked out elsewhere.

The project's own models run on the daily activity and on the hourly counter. Dates are exact, the rest is
held to the printed digits of the oracle and to 1e-9 against the formulas worked out here.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
import statistics
from collections.abc import Iterable
from pathlib import Path

import pytest

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

Row = dict[str, str]
SIGNALS = ("num_likers", "num_posters", "num_followers")
FIRST, LAST = dt.date(2024, 11, 5), dt.date(2024, 12, 31)
DAILY, HOURLY = "bluesky_daily_activity.csv", "bluesky_users_hourly.csv"
MARTS = ("+retention", "+episode_dynamics")
COLUMNS = {
    "baseline_median": "baseline",
    "baseline_mad_raw": "baseline_mad",
    "onset_date": "onset_date",
    "peak_date": "peak_date",
    "peak_value": "peak_value",
    "time_to_peak_days": "time_to_peak_days",
    "lift_x": "lift_x",
    "half_life_days_excess_first_cross": "half_life_days",
    **{f"excess_retention_{n}d": f"excess_retention_{n}d" for n in (7, 14, 30, 60, 90)},
    **{f"persistence_{n}d": f"persistence_{n}d" for n in (30, 60, 90)},
}


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def attention(signal: str, day: str, value: str) -> dict[str, object]:
    return {
        "signal": signal, "subject_type": "platform", "subject_id": "bluesky", "item": signal,
        "attention_date": day, "day_zone": "UTC", "value": float(value), "unit": "people",
        "value_status": "observed",
    }  # fmt: skip


def last_reading_of_each_day(readings: Iterable[Row]) -> dict[str, str]:
    """Readings come in the order of time."""
    return {reading["timestamp"][:10]: reading["users"] for reading in readings}


@pytest.fixture(scope="module")
def oracles(shared: Path) -> Path:
    return shared / "oracles" / "surge_metrics"


def build(home: Home, oracles: Path, *, later_by: int = 0, seed: int | None = None) -> Home:
    """Bluesky's days as a series each, all `later_by` days later, and in any order where there is a seed."""

    def moved(day: str | dt.date) -> str:
        return (dt.date.fromisoformat(str(day)) + dt.timedelta(days=later_by)).isoformat()

    prepare_lake(home)
    readings = last_reading_of_each_day(rows_of(oracles / HOURLY))
    rows = [
        attention(name, moved(row["date"]), row[name]) for row in rows_of(oracles / DAILY) for name in SIGNALS
    ]
    rows += [attention("registered_users", moved(day), users) for day, users in readings.items()]
    if seed is not None:
        random.Random(seed).shuffle(rows)
    put(home, "attention", rows)
    episode = {
        "episode_id": "x_exodus_2024", "title": "X to Bluesky", "origin_platform_id": "x",
        "geography": "US", "window_start": moved(FIRST), "window_end": moved(LAST),
    }  # fmt: skip
    put(home, "watch_episodes", [episode])
    put(home, "watch_episode_platforms", [{"episode_id": "x_exodus_2024", "platform_id": "bluesky"}])
    statuses = run_dbt(home, "build", "--select", *MARTS, "--exclude-resource-type", "unit_test")
    assert set(statuses.values()) <= {"success", "pass"}
    return home


@pytest.fixture(scope="module")
def built(oracles: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return build(Home(tmp_path_factory.mktemp("oracle") / "home"), oracles)


def printed(value: object, digits: str) -> str:
    """The value as the oracle prints it: dates as dates, numbers with the oracle's own digits."""
    if isinstance(value, dt.date):
        return value.isoformat()
    assert isinstance(value, float | int)
    decimals = len(digits.partition(".")[2])
    return f"{value:.{decimals}f}"


def test_every_row_of_the_oracle_on_episodes_is_met(built: Home, oracles: Path) -> None:
    asked = [
        row
        for row in rows_of(oracles / "expected_metrics_bluesky.csv")
        if row["metric"].partition(".")[0] in SIGNALS
    ]
    assert len(asked) == 3 * 16
    told = {
        signal: dict(zip(COLUMNS, values, strict=True))
        for signal, *values in read(
            built,
            f"select signal, {', '.join(COLUMNS.values())} from marts.episode_dynamics "
            "where platform_id = 'bluesky'",
        )
    }
    differing = {}
    for row in asked:
        signal, _, metric = row["metric"].partition(".")
        ours = told[signal][metric]
        digits = row["value"].removesuffix(".0")
        # Four decimals were printed, and trailing zeros left out.
        digits = f"{float(digits):.4f}" if metric.startswith(("lift", "excess", "persistence")) else digits
        if printed(ours, digits) != digits:
            differing[row["metric"]] = (ours, row["value"])
    assert differing == {}


@pytest.mark.parametrize("signal", SIGNALS)
def test_levels_and_retention_are_exact(built: Home, oracles: Path, signal: str) -> None:
    values = {dt.date.fromisoformat(row["date"]): float(row[signal]) for row in rows_of(oracles / DAILY)}
    before = [values[FIRST - dt.timedelta(days=n)] for n in range(1, 15)]
    base = statistics.median(before)
    mad = statistics.median(abs(value - base) for value in before)
    window = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    surges = {day for day in window if (values[day] - base) / (1.4826 * mad) > 3.5}
    peak = max(window, key=lambda day: values[day])
    ((onset, sustained, *numbers),) = read(
        built,
        "select onset_date, sustained_onset_date, baseline, baseline_mad, lift_x, peak_fraction "
        f"from marts.episode_dynamics where signal = '{signal}'",
    )
    assert onset == min(surges)
    assert sustained == min(day for day in surges if day + dt.timedelta(days=1) in surges)
    share = values[peak] / sum(values[day] for day in window)
    assert numbers == pytest.approx([base, mad, values[peak] / base, share], rel=1e-9)
    kept = read(
        built,
        "select horizon_days, persistence, excess_retention, sticky_uplift from marts.retention "
        f"where signal = '{signal}' order by horizon_days",
    )
    expected = []
    for n in (7, 14, 30, 60, 90):
        later = values[peak + dt.timedelta(days=n)]
        uplift = values[onset + dt.timedelta(days=n)] / base
        expected.append((n, later / values[peak], (later - base) / (values[peak] - base), uplift))
    assert [value for row in kept for value in row] == pytest.approx(
        [value for row in expected for value in row], rel=1e-9
    )


def test_the_second_wave_hides_the_tail_as_published(built: Home) -> None:
    """The oracle: power law 0.87 against exponential 0.74 on the sixty days after the peak."""
    ((points, exponential, power_law),) = read(
        built,
        "select decay_points, round(exponential_r2, 2), round(power_law_r2, 2) "
        "from marts.episode_dynamics where signal = 'num_likers'",
    )
    assert (points, exponential, power_law) == (61, 0.74, 0.87)


def test_a_counter_is_differenced_to_days(built: Home, oracles: Path) -> None:
    expected = {
        row["params"]: float(row["value"])
        for row in rows_of(oracles / "expected_metrics_bluesky.csv")
        if row["metric"] == "daily_net_new_users"
    }
    assert len(expected) == 5
    told = read(
        built,
        "select cast(series_date as varchar), value from intermediate.int_counter_days "
        f"where cast(series_date as varchar) in {tuple(expected)}",
    )
    assert dict(told) == expected
    # Eleven days nobody read the counter: what came in between belongs to no day.
    gaps = read(
        built,
        "select count(*) from intermediate.int_counter_days "
        "where (value is null) != (value_null_reason is not null) or value < 0",
    )
    assert gaps == [(0,)]


def test_neither_the_order_of_rows_nor_the_clock_changes_a_measure(
    built: Home, oracles: Path, home: Home
) -> None:
    build(home, oracles, later_by=28, seed=20241118)
    dated = "onset_date - {n}, sustained_onset_date - {n}, peak_date - {n}"
    measures = "* exclude (window_start, window_end, onset_date, sustained_onset_date, peak_date)"
    for mart, columns in (
        ("episode_dynamics", f"{dated}, {measures}"),
        (
            "retention",
            "anchor_date - {n}, horizon_date - {n}, value, persistence, excess_retention, bounce_back",
        ),
    ):
        told, later = (
            read(at, f"select {columns.format(n=days)} from marts.{mart} order by series_id, 1, 2")
            for at, days in ((built, 0), (home, 28))
        )
        assert told == later
