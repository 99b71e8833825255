"""How well migrations of which the truth is known are found and measured.

Belongs here: building the project's own models on simulated rows, and comparing what they say with what was
put in. Does not belong here: the simulation (`tests._support.simulation`).

Found: the onset of `surges` that is nearest to the true one lies within a day of it. False alarms: onsets on
days before a platform's migration, or of a platform without one; days that nobody could judge count as no
time. Quiet are the groups without a confounder: where the whole news doubles, each series of it does surge.
A platform's alarms are counted in two ways: onsets of `surges` in any of its four series, and episodes that
`orchestration.episodes` opens from them, which wants more than one kind of signal. Coverage: how often the
true effect, which is known for every day, lies in the 90 % interval of `counterfactual`, day by day and for
the sum over the window.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from ingestion.settings import Home
from orchestration.episodes import RANKS, SURGES, Sign, found_in, query_of_signs
from tests._support.simulation import Simulation, simulate, write
from tests.integration.test_marts import prepare_lake, run_dbt

SEED = 20250113
GROUPS = 20
"""Of ten platforms each."""
DETECTION = ("+surges", "+episode_dynamics")
COUNTERFACTUAL = ("+counterfactual",)

FOUND_TARGET = 0.95
FALSE_ALARMS_TARGET = 1.0
COVERAGE_TARGET = (0.85, 0.95)
FOUND_KINDS = ("attention", "news", "chart_log_rank")
"""Series that must find large migrations by themselves; visibility is bounded and does not."""


@dataclass(frozen=True)
class Promise:
    """A target, what was measured, and whether that meets it."""

    name: str
    value: float
    target: str
    met: bool


def build(home: Home, simulation: Simulation, *select: str) -> None:
    """Runs the project's models, and all tests of them, on the simulated rows."""
    prepare_lake(home)
    write(home, simulation.tables)
    statuses = run_dbt(home, "build", "--select", *select, "--exclude-resource-type", "unit_test")
    failed = {node: status for node, status in statuses.items() if status not in {"success", "pass"}}
    if failed:
        raise RuntimeError(f"the models do not build on the simulated rows: {failed}")


def truth_of(simulation: Simulation) -> pd.DataFrame:
    """One row a series: what was put into it."""
    rows = [
        {
            "platform_id": migration.platform_id,
            "episode_id": migration.episode_id,
            "size": migration.size,
            "confounder": migration.confounder,
            "onset": pd.Timestamp(migration.onset) if migration.onset else pd.NaT,
            "half_life": migration.half_life_days,
            "fades": "to a part" if migration.stays else "to nothing",
            "kind": kind,
            "series_id": series_id,
        }
        for migration in simulation.migrations
        for kind, series_id in migration.series.items()
    ]
    return pd.DataFrame(rows)


def ask(home: Home, sql: str) -> pd.DataFrame:
    """The answer of the warehouse."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return connection.execute(sql).df()


# --- when it started --------------------------------------------------------------------------------


def found(home: Home, simulation: Simulation) -> pd.DataFrame:
    """One row a series with a migration: days from the true onset to the nearest one of `surges`, within ten
    days, and to the onset of `episode_dynamics`."""
    truth = truth_of(simulation).query("size != 'none'")
    onsets = ask(home, "select series_id, series_date from marts.surges where surge_onset")
    near = truth.merge(onsets, on="series_id")
    near["error"] = (near["series_date"] - near["onset"]).dt.days
    near = near[near["error"].abs() <= 10].sort_values("error", key=np.abs, kind="stable")
    truth["error"] = truth["series_id"].map(near.groupby("series_id")["error"].first())
    dynamics = ask(home, "select episode_id, series_id, onset_date from marts.episode_dynamics")
    truth = truth.merge(dynamics, on=["episode_id", "series_id"], how="left")
    truth["episode_error"] = (truth["onset_date"] - truth["onset"]).dt.days
    truth["is_found"] = truth["error"].abs() <= 1
    return truth


def false_alarms(home: Home, simulation: Simulation) -> pd.DataFrame:
    """One row a series: onsets where there was no migration, and the years in which there could be one."""
    truth = truth_of(simulation)
    days = ask(
        home, "select series_id, series_date, surge_onset from marts.surges where is_surge is not null"
    )
    days = days.merge(truth, on="series_id")
    # The day before is not held against it: found within a day is found.
    quiet = days[days["onset"].isna() | (days["series_date"] < days["onset"] - pd.Timedelta(days=1))]
    by_series = quiet.groupby(["platform_id", "kind", "confounder"])["surge_onset"]
    return by_series.agg(alarms="sum", years=lambda flags: len(flags) / 365).reset_index()


def opened(home: Home, simulation: Simulation) -> pd.DataFrame:
    """One row a platform: episodes that would be opened where there was no migration, the years in which that
    could happen, and days from the true onset to the first day of the nearest episode, within ten days."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        signs = [Sign(*row) for row in connection.execute(query_of_signs([RANKS, SURGES])).fetchall()]
    first_days: dict[str, list[dt.date]] = {}
    for episode in found_in(signs):
        first_days.setdefault(episode.platform_id, []).append(episode.first_day)
    years = false_alarms(home, simulation).groupby("platform_id")["years"].max()
    rows = []
    for migration in simulation.migrations:
        days, onset = first_days.get(migration.platform_id, []), migration.onset
        errors = [(day - onset).days for day in days if onset]
        rows.append(
            {
                "platform_id": migration.platform_id,
                "size": migration.size,
                "confounder": migration.confounder,
                "alarms": sum(error < -1 for error in errors) if onset else len(days),
                "years": years[migration.platform_id],
                "error": min((error for error in errors if abs(error) <= 10), key=abs, default=None),
            }
        )
    told = pd.DataFrame(rows).astype({"error": float})
    return told.assign(is_found=told["error"].abs() <= 1)


# --- how it faded -----------------------------------------------------------------------------------


def half_lives(home: Home, simulation: Simulation) -> pd.DataFrame:
    """One row a count with a migration and each half-life of `episode_dynamics`: ratio to the true one."""
    truth = truth_of(simulation).query("size != 'none' and kind in ('attention', 'news')")
    measures = ["half_life_days", "half_life_sustained_days", "exponential_half_life_days"]
    told = ask(home, f"select episode_id, series_id, {', '.join(measures)} from marts.episode_dynamics")
    told = truth.merge(told, on=["episode_id", "series_id"], how="left")
    long = told.melt(["size", "kind", "fades", "half_life"], measures, "measure", "told")
    long["ratio"] = long["told"].astype(float) / long["half_life"]
    return long


# --- how much it was --------------------------------------------------------------------------------


def coverage(home: Home, simulation: Simulation) -> pd.DataFrame:
    """One row a series and day of its episode's window with an effect: whether the interval of the day and
    that of the sum to date hold the true one."""
    told = ask(
        home,
        "select episode_id, series_id, series_date, value, effect_lower_90, effect_upper_90, "
        "cumulative_effect_lower_90, cumulative_effect_upper_90 from marts.counterfactual "
        "where effect is not null order by episode_id, series_id, series_date",
    )
    truth = truth_of(simulation)
    days = told.merge(truth, on=["episode_id", "series_id"]).merge(
        simulation.without, on=["series_id", "series_date"], suffixes=("", "_without")
    )
    days["true"] = days["value"] - days["value_without"]
    days["true_sum"] = days.groupby("series_id")["true"].cumsum()
    days["is_covered"] = days["true"].between(days["effect_lower_90"], days["effect_upper_90"])
    days["is_sum_covered"] = days["true_sum"].between(
        days["cumulative_effect_lower_90"], days["cumulative_effect_upper_90"]
    )
    days["is_last"] = ~days.duplicated("series_id", keep="last")
    return days


# --- what is promised -------------------------------------------------------------------------------


def promises(
    onsets: pd.DataFrame, alarms: pd.DataFrame, episodes: pd.DataFrame, covered: pd.DataFrame
) -> list[Promise]:
    """The targets of the project, on what was measured."""
    large = onsets[onsets["size"] == "large"]
    kept = []
    low, high = COVERAGE_TARGET
    for kind in FOUND_KINDS:
        share = float(large.loc[large["kind"] == kind, "is_found"].mean())
        kept.append(_at_least(f"large migrations found within a day by {kind}", share))
    any_series = float(large.groupby("platform_id")["is_found"].any().mean())
    kept.append(_at_least("large migrations found within a day by any series", any_series))
    is_large = episodes["size"] == "large"
    with_episode = float(episodes.loc[is_large, "is_found"].mean())
    kept.append(_at_least("large migrations with an episode within a day", with_episode))
    for what, told in (("onsets", alarms), ("episodes", episodes)):
        for where, part in (("quiet", told[told["confounder"] == "none"]), ("all", told)):
            years = float(part.groupby("platform_id")["years"].max().sum())
            rate = float(part["alarms"].sum()) / years
            name = f"false {what} a platform-year, {where} groups"
            met = rate <= FALSE_ALARMS_TARGET
            kept.append(Promise(name, rate, f"at most {FALSE_ALARMS_TARGET}", met))
    kinds = {"all series": covered, **{str(kind): part for kind, part in covered.groupby("kind")}}
    for series_kind, days in kinds.items():
        for part_name, held in (
            ("days", days["is_covered"]),
            ("sums over the window", days.loc[days["is_last"], "is_sum_covered"]),
        ):
            share = float(held.mean())
            name = f"90 % intervals, {series_kind}, {part_name}: true in"
            kept.append(Promise(name, share, f"{low} to {high}", low <= share <= high))
    return kept


def _at_least(name: str, share: float) -> Promise:
    return Promise(name, share, f"at least {FOUND_TARGET}", share >= FOUND_TARGET)


# --- printing ---------------------------------------------------------------------------------------


def main() -> int:
    """Builds 200 simulated platforms, measures and prints. A target that is missed is printed as such."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="observatory_simulations_") as folder:
        home = Home(Path(folder) / "home")
        simulation = simulate(GROUPS, SEED)
        build(home, simulation, *DETECTION, *COUNTERFACTUAL)
        onsets, alarms = found(home, simulation), false_alarms(home, simulation)
        episodes = opened(home, simulation)
        lives, covered = half_lives(home, simulation), coverage(home, simulation)
    console.print(table("Simulated migrations: when they started", when_they_started(onsets)))
    console.print(table("Simulated migrations: false alarms a series-year", alarm_rates(alarms)))
    console.print(table("Simulated migrations: episodes", what_was_opened(episodes)))
    console.print(table("Simulated migrations: half-life / true half-life", how_they_faded(lives)))
    console.print(table("Simulated migrations: 90 % intervals that hold the truth", what_is_held(covered)))
    kept = promises(onsets, alarms, episodes, covered)
    rows = [
        (promise.name, f"{promise.value:.3f}", promise.target, "yes" if promise.met else "no")
        for promise in kept
    ]
    told = pd.DataFrame(rows, columns=["measure", "value", "target", "met"])
    console.print(table("Simulated migrations: what is promised", told))
    return 0


def when_they_started(onsets: pd.DataFrame) -> pd.DataFrame:
    """By size and kind of series."""
    groups = onsets.groupby(["size", "kind"])
    return groups.agg(
        migrations=("is_found", "size"),
        within_a_day=("is_found", "mean"),
        within_ten_days=("error", lambda errors: errors.notna().mean()),
        median_error_days=("error", "median"),
        p90_abs_error_days=("error", lambda errors: errors.abs().quantile(0.9)),
        episode_within_a_day=("episode_error", lambda errors: (errors.abs() <= 1).mean()),
    ).reset_index()


def alarm_rates(alarms: pd.DataFrame) -> pd.DataFrame:
    """By kind of series and what else happened."""
    sums = alarms.groupby(["kind", "confounder"])[["alarms", "years"]].sum()
    return (sums["alarms"] / sums["years"]).unstack().reset_index()


def what_was_opened(episodes: pd.DataFrame) -> pd.DataFrame:
    """By what else happened: false episodes a platform-year, and shares of migrations that have one."""
    groups = episodes.groupby("confounder")
    shares = episodes.pivot_table(index="confounder", columns="size", values="is_found")
    rates = groups["alarms"].sum() / groups["years"].sum()
    return pd.concat([rates.rename("false a year"), shares.drop(columns="none")], axis=1).reset_index()


def how_they_faded(lives: pd.DataFrame) -> pd.DataFrame:
    """By measure, whether something stays, size and kind: the median ratio, and the median factor off."""
    lives = lives.assign(off=np.exp(np.log(lives["ratio"].where(lives["ratio"] > 0)).abs()))
    return (
        lives.groupby(["measure", "fades", "size", "kind"])
        .agg(
            migrations=("ratio", "size"),
            told=("ratio", "count"),
            median_ratio=("ratio", "median"),
            median_factor_off=("off", "median"),
        )
        .reset_index()
    )


def what_is_held(covered: pd.DataFrame) -> pd.DataFrame:
    """By kind of series and size, days and whole windows."""
    days = covered.groupby(["kind", "size"])["is_covered"].mean()
    windows = covered[covered["is_last"]].groupby(["kind", "size"])["is_sum_covered"]
    return pd.DataFrame({"series": windows.size(), "days": days, "sums": windows.mean()}).reset_index()


def table(title: str, frame: pd.DataFrame) -> Table:
    """A frame as a table."""
    shown = Table(title=title, title_justify="left")
    for name in frame:
        shown.add_column(
            str(name).replace("_", " "), justify="left" if frame[name].dtype == object else "right"
        )
    for row in frame.itertuples(index=False):
        shown.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row))
    return shown


if __name__ == "__main__":
    sys.exit(main())
