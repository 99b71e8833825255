"""Twenty simulated migrations with known truth; `make bench` measures two hundred."""

from __future__ import annotations

import numpy as np
import pytest

from ingestion.settings import Home
from tests._support.simulation import Simulation, simulate
from tests.bench.simulations import (
    COUNTERFACTUAL,
    DETECTION,
    SEED,
    build,
    coverage,
    false_alarms,
    found,
    half_lives,
    opened,
)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    made = simulate(2, SEED)
    kept = {m.episode_id for m in made.migrations if int(m.platform_id.rpartition("_")[2]) % 2 == 0}
    tables = dict(made.tables)
    for name in ("watch_episodes", "watch_episode_platforms", "platform_events"):
        tables[name] = tables[name][tables[name]["episode_id"].isin(kept)]
    return Simulation(made.migrations, tables, made.without)


@pytest.fixture(scope="module")
def built(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The project's models on the simulated rows, all of their own tests passed."""
    home = Home(tmp_path_factory.mktemp("simulated") / "home")
    build(home, simulation, *DETECTION, *COUNTERFACTUAL)
    return home


def test_the_same_seed_gives_the_same_rows() -> None:
    one, other, another = simulate(1, 5), simulate(1, 5), simulate(1, 6)
    assert one.migrations == other.migrations != another.migrations
    assert all(frame.equals(other.tables[name]) for name, frame in one.tables.items())
    assert one.without.equals(other.without)


def test_every_large_migration_is_found_within_a_day(built: Home, simulation: Simulation) -> None:
    onsets = found(built, simulation)
    large = onsets[onsets["size"] == "large"]
    assert large.groupby("platform_id")["is_found"].any().all()
    by_kind = large.groupby("kind")["is_found"].mean()
    assert (by_kind[["attention", "news", "chart_log_rank"]] >= 7 / 8).all()


def test_quiet_series_give_no_more_than_one_false_alarm_a_platform_year(
    built: Home, simulation: Simulation
) -> None:
    alarms = false_alarms(built, simulation)
    years = alarms.groupby("platform_id")["years"].max().sum()
    assert years > 10
    assert alarms["alarms"].sum() / years <= 1


def test_large_migrations_open_an_episode_within_a_day_and_next_to_nothing_else_does(
    built: Home, simulation: Simulation
) -> None:
    episodes = opened(built, simulation)
    assert episodes.loc[episodes["size"] == "large", "is_found"].all()
    assert episodes["alarms"].sum() / episodes["years"].sum() <= 0.2


def test_half_lives_of_large_migrations_are_near_the_truth(built: Home, simulation: Simulation) -> None:
    lives = half_lives(built, simulation)
    views = lives[(lives["kind"] == "attention") & (lives["size"] == "large")]
    # An exponential fades to nothing, and fits no other decay.
    views = views[(views["fades"] == "to nothing") | (views["measure"] != "exponential_half_life_days")]
    for _, ratios in views.groupby("measure")["ratio"]:
        off = np.abs(np.log(ratios.dropna().to_numpy(float)))
        assert len(off) >= 2
        assert np.median(off) <= np.log(1.35)


def test_intervals_hold_the_true_effects(built: Home, simulation: Simulation) -> None:
    counts = coverage(built, simulation).query("kind in ('attention', 'news')")
    assert len(counts) > 500
    assert 0.8 <= counts["is_covered"].mean() <= 0.99


def test_no_effect_is_seen_where_there_was_none(built: Home, simulation: Simulation) -> None:
    none = coverage(built, simulation).query("size == 'none' and kind in ('attention', 'news')")
    assert (none["true"] == 0).all()
    assert none.loc[none["is_last"], "is_sum_covered"].mean() >= 0.5
