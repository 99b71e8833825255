"""What others computed on Bluesky's daily activity, against what the project's own models make of it."""

from __future__ import annotations

import csv
import datetime as dt
import statistics
from pathlib import Path

import pytest

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

ACTIVITY = "bluesky_daily_activity.csv"
NOT_SIGNALS = {"date", "year", "month", "day"}
WINDOW = (dt.date(2024, 8, 1), dt.date(2025, 4, 7))


def activity(shared: Path) -> list[dict[str, str]]:
    with (shared / "oracles" / "surge_metrics" / ACTIVITY).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, str]:
    with (shared / "oracles" / "surge_metrics" / "expected_metrics_bluesky.csv").open(newline="") as file:
        return {row["metric"]: row["value"] for row in csv.DictReader(file) if row["dataset"] == ACTIVITY}


@pytest.fixture(scope="module")
def built(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Every column a signal; baselines of fourteen days, as the oracle's."""
    home = Home(tmp_path_factory.mktemp("bluesky") / "home")
    prepare_lake(home)
    rows = activity(shared)
    signals = [name for name in rows[0] if name not in NOT_SIGNALS]
    put(
        home,
        "attention",
        [
            {
                "signal": signal,
                "subject_type": "platform",
                "subject_id": "bluesky",
                "item": signal,
                "attention_date": row["date"],
                "day_zone": "UTC",
                "value": float(row[signal]) if row[signal] else None,
                "value_status": "observed" if row[signal] else "not_fetched",
                "unit": "accounts",
            }
            for row in rows
            for signal in signals
        ],
    )
    arguments = ["build", "--select", "+surges", "--exclude-resource-type", "unit_test"]
    statuses = run_dbt(home, *arguments, "--vars", "{surge_baseline_days: 14}")
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    return home


def test_every_day_is_there_once_and_a_gap_is_no_zero(built: Home, oracle: dict[str, str]) -> None:
    [(rows, first, last, longest)] = read(
        built,
        "select count(*), min(series_date), max(series_date), max(days_since_previous) from marts.surges "
        "where signal = 'num_likers'",
    )
    assert (str(rows), str(first), str(last)) == (oracle["row_count"], oracle["min_date"], oracle["max_date"])
    assert longest - 1 == int(oracle["missing_days"])
    [(observed, zeros)] = read(
        built,
        "select count(*), count(case when value = 0 then 1 end) from marts.surges where signal = 'users'",
    )
    assert (rows - observed, zeros) == (int(oracle["users_nulls"]), 0)


@pytest.mark.parametrize("signal", ["num_likers", "num_posters", "num_followers"])
def test_the_baseline_is_the_oracles(signal: str, built: Home, oracle: dict[str, str], shared: Path) -> None:
    """The fourteen days before 5 November 2024; the z of the first day is recomputed from the file."""
    [(days, median, mad, method, z)] = read(
        built,
        "select baseline_days, baseline_median, baseline_mad, scale_method, robust_z from marts.surges "
        f"where signal = '{signal}' and series_date = '2024-11-05'",
    )
    assert days == 14
    assert method == "MAD"
    assert median == pytest.approx(float(oracle[f"{signal}.baseline_median"]), abs=1e-9)
    assert mad == pytest.approx(float(oracle[f"{signal}.baseline_mad_raw"]), abs=1e-9)
    values = {row["date"]: float(row[signal]) for row in activity(shared)}
    before = [value for day, value in values.items() if "2024-10-22" <= day <= "2024-11-04"]
    centre = statistics.median(before)
    spread = 1.4826 * statistics.median(abs(value - centre) for value in before)
    assert z == pytest.approx((values["2024-11-05"] - centre) / spread, abs=1e-9)


def test_breaks_are_the_oracles_to_the_day(built: Home, oracle: dict[str, str]) -> None:
    """The file's last 250 days are the oracle's window, so that n and sigma are the same."""
    found = read(
        built,
        "select cast(break_date as date) from intermediate.int_series_breaks where penalty_factor = 60 "
        "and series_id = 'num_likers/bluesky' and stretch = 'latest' and break_date is not null order by 1",
    )
    assert "|".join(str(day) for (day,) in found) == oracle["ln(num_likers).PELT_l2_breaks"]
    [(first, last, days)] = read(
        built,
        "select distinct cast(first_date as date), cast(last_date as date), days "
        "from intermediate.int_series_breaks where series_id = 'num_likers/bluesky' and stretch = 'latest'",
    )
    assert (first, last, days) == (*WINDOW, 250)
    stable = read(
        built,
        "select series_date from marts.surges where signal = 'num_likers' and break_penalties = 3 order by 1",
    )
    assert (dt.date(2024, 11, 6),) in stable
    assert len(stable) <= len(found)
