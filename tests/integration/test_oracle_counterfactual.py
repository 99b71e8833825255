"""R's CausalImpact 1.4.1 against the project's own counterfactual, by the function and through dbt.

Overlap is the length that two 95 % intervals share over the length that they cover together, which also
punishes an interval that is wider than R's.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingestion.settings import Home
from ingestion.statistics.counterfactual import estimate
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

SCENARIOS = {"basic": "xiaohongshu", "no_effect": "lemon8"}
DATE = dt.date(2025, 3, 12)
DAYS = 100
PRE = 70


@pytest.fixture(scope="module")
def oracles(shared: Path) -> dict[str, dict[str, Any]]:
    folder = shared / "oracles" / "causal_impact_r"
    return {name: json.loads((folder / f"r_reference_{name}.json").read_text()) for name in SCENARIOS}


def assert_agrees(told: dict[str, float], effect: float, lower: float, upper: float) -> None:
    assert effect == pytest.approx(told["point_effect_mean"], abs=0.05)
    shared = min(upper, told["ci_upper"]) - max(lower, told["ci_lower"])
    together = max(upper, told["ci_upper"]) - min(lower, told["ci_lower"])
    assert shared / together >= 0.9


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_function_agrees_with_r(oracles: dict[str, dict[str, Any]], scenario: str) -> None:
    oracle = oracles[scenario]
    found = estimate(np.array(oracle["data"]["y"]), oracle["n_pre"])
    total, days = found.observed_sums[-1], oracle["n"] - oracle["n_pre"]
    ends = (found.to_date.mean, found.to_date.upper_95, found.to_date.lower_95)
    assert_agrees(oracle["r_output"], *((total - end[-1]) / days for end in ends))


@pytest.fixture(scope="module")
def built(oracles: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("causal_impact") / "home")
    prepare_lake(home)
    first = DATE - dt.timedelta(days=PRE)
    put(
        home,
        "attention",
        [
            {
                "signal": "reference",
                "subject_type": "platform",
                "subject_id": platform,
                "item": "y",
                "attention_date": first + dt.timedelta(days=n),
                "day_zone": "UTC",
                "value": value,
                "value_status": "observed",
                "unit": "units",
            }
            for scenario, platform in SCENARIOS.items()
            for n, value in enumerate(oracles[scenario]["data"]["y"])
        ],
    )
    episode = {
        "episode_id": "reference",
        "title": "A reference",
        "origin_platform_id": "tiktok",
        "geography": "US",
        "window_start": DATE,
        "window_end": DATE + dt.timedelta(days=DAYS - PRE - 1),
    }
    put(home, "watch_episodes", [episode])
    put(
        home,
        "watch_episode_platforms",
        [{"episode_id": "reference", "platform_id": platform} for platform in SCENARIOS.values()],
    )
    marts = ["+counterfactual", "+counterfactual_summary", "+counterfactual_controls"]
    statuses = run_dbt(home, "build", "--select", *marts, "--exclude-resource-type", "unit_test")
    assert {node: status for node, status in statuses.items() if status not in {"success", "pass"}} == {}
    return home


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_marts_agree_with_r(built: Home, oracles: dict[str, dict[str, Any]], scenario: str) -> None:
    ((effect, lower, upper, cumulative, is_effect, days),) = read(
        built,
        "select average_effect, average_effect_lower_95, average_effect_upper_95, cumulative_effect, "
        "is_effect, observed_post_days from marts.counterfactual_summary "
        f"where platform_id = '{SCENARIOS[scenario]}' and not is_placebo",
    )
    told = oracles[scenario]["r_output"]
    assert_agrees(told, effect, lower, upper)
    assert cumulative == pytest.approx(told["cumulative_effect_total"], abs=0.05 * days)
    assert is_effect == (scenario == "basic")


def test_the_placebo_date_shows_nothing(built: Home) -> None:
    placebos = read(
        built,
        "select event_date, last_date, observed_pre_days, observed_post_days, is_effect "
        "from marts.counterfactual_summary where is_placebo order by platform_id",
    )
    placebo_date, last_date = DATE - dt.timedelta(days=28), DATE - dt.timedelta(days=1)
    assert placebos == [(placebo_date, last_date, 42, 28, False)] * 2


def test_noise_as_large_as_the_level_is_not_accepted_and_controls_are_listed(built: Home) -> None:
    """The other series is a destination as well, and the source tells no total: there is no clean control."""
    judged = read(
        built,
        "select is_acceptable, not_acceptable_because from marts.counterfactual_summary where not is_placebo",
    )
    because = "(b) one-step predictions miss by more than 20 %; (d) none of 2 listed controls is clean"
    assert judged == [(False, because)] * 2
    listed = read(
        built,
        "select control_series_id, is_clean, reason from marts.counterfactual_controls "
        "where platform_id = 'lemon8' order by all",
    )
    assert listed == [
        ("reference/lemon8/rest", False, "no value on 100 of the 100 days on which the series has one"),
        ("reference/xiaohongshu", False, "co-treated: a destination of the episode"),
    ]


def test_the_days_add_up(built: Home) -> None:
    broken = read(
        built,
        "select count(*) from (select cumulative_effect - sum(effect) over ("
        "partition by series_id order by series_date) as rest from marts.counterfactual) "
        "where abs(rest) > 1e-9",
    )
    assert broken == [(0,)]
    assert read(built, "select count(*) from marts.counterfactual") == [(2 * (DAYS - PRE),)]
