"""What must hold of every mart, whatever it measures, on the bundled cases and a simulated group.

One build of a lake is compared with a build of the same lake in another order with every row twice, and one
with all clocks put forward. Marts and columns that may differ are named, each with the reason.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import duckdb
import pytest

from ingestion.inbox import receive_path, receive_watchlist
from ingestion.settings import CASES, WATCHLIST, Home
from ingestion.tables import RAW_TABLES
from orchestration.dbt import ensure_manifest, read_manifest
from tests._support.loading import Ticking, load_tables, real_watched
from tests._support.simulation import simulate, write
from tests.integration.test_marts import prepare_lake, read, run_dbt

SHIFT = dt.timedelta(days=364)
"""Whole weeks, and daylight saving time begins and ends on days that lie as far apart."""
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
BUILD = ("build", "--exclude-resource-type", "unit_test", "test", "exposure")

Rows = dict[tuple[Any, ...], dict[str, Any]]


# --- one build a variant ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """All bundled cases, and ten simulated platforms of which one has an episode."""
    home = Home(tmp_path_factory.mktemp("base") / "home")
    clock = Ticking()
    prepare_lake(home)
    receive_watchlist(home, WATCHLIST, clock)
    for case in sorted(folder for folder in CASES.iterdir() if folder.is_dir()):
        receive_path(home, case, clock)
    load_tables(home, RAW_TABLES, clock, real_watched())
    simulated = dict(simulate(1, 7).tables)
    for name in ("watch_episodes", "watch_episode_platforms", "platform_events"):
        simulated[name] = simulated[name][simulated[name]["episode_id"] == "episode_p00_0"]
    write(home, simulated)
    return built(home)


def built(home: Home) -> Home:
    statuses = run_dbt(home, *BUILD)
    assert {node: status for node, status in statuses.items() if status not in {"success", "no-op"}} == {}
    return home


def changed(base: Home, target: Home, change: Callable[[str, str, dict[str, str]], str]) -> Home:
    """A lake in which every file holds what `change` selects from it, by its table, path and types."""
    raw = base.lake / "raw"
    for file in sorted(raw.rglob("*.parquet")):
        place = target.lake / "raw" / file.relative_to(raw)
        place.parent.mkdir(parents=True, exist_ok=True)
        columns = {
            name: str(kind)
            for name, kind, *_ in duckdb.sql(f"describe from read_parquet('{file}')").fetchall()
        }
        source, table = place.relative_to(target.lake / "raw").parts[:2]
        kept = source in ("_contract", "observatory")
        select = f"from read_parquet('{file}')" if kept else change(table, str(file), columns)
        duckdb.sql(f"copy ({select}) to '{place}' (format parquet)")
    return target


def in_another_order_and_twice(table: str, file: str, columns: dict[str, str]) -> str:
    """Every row again from a later load, every look at a chart again under another name, all shuffled."""
    later = (
        f"select * replace ('later' as load_id, observed_at + interval 1 hour as observed_at) from '{file}'"
    )
    rows = f"from '{file}' union all {later}"
    if table in ("chart_captures", "chart_entries"):
        rows += f" union all select * replace (capture_id || '_again' as capture_id) from '{file}'"
    return f"select * from ({rows}) as r order by md5(cast(r as varchar))"


def later(table: str, file: str, columns: dict[str, str]) -> str:
    """Every date and instant put forward."""
    moved = ", ".join(
        f"cast({name} + interval {SHIFT.days} day as {kind}) as {name}"
        for name, kind in columns.items()
        if kind in ("DATE", "TIMESTAMP")
    )
    return f"select * replace ({moved}) from '{file}'"


# --- comparing marts ----------------------------------------------------------------------------------


def marts() -> dict[str, Any]:
    """Every public mart by name, as the manifest has it."""
    ensure_manifest()
    nodes = read_manifest()["nodes"].values()
    return {
        node["name"]: node
        for node in nodes
        if node["resource_type"] == "model" and node["config"].get("access") == "public"
    }


def keys() -> dict[str, list[str]]:
    """The key of every mart, from its test."""
    public = marts()
    nodes = read_manifest()["nodes"].values()
    told = {
        node["attached_node"].rsplit(".", 1)[-1]: node["test_metadata"]["kwargs"]["columns"]
        for node in nodes
        if node["resource_type"] == "test" and node.get("test_metadata", {}).get("name") == "unique_key"
    }
    return {mart: told[mart] for mart in public}


def rows_of(home: Home, mart: str, key: Iterable[str], back: dt.timedelta) -> Rows:
    """Rows by key, with all days and instants put back."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        answer = connection.execute(f"from marts.{mart}")
        names = [column[0] for column in answer.description or []]
        rows = [
            {
                name: value - back if isinstance(value, dt.date) else value
                for name, value in zip(names, row, strict=True)
            }
            for row in answer.fetchall()
        ]
    return {tuple(row[name] for name in key): row for row in rows}


def says_the_same(before: Any, after: Any) -> bool:
    """Texts may tell of days that were put forward."""

    def put_back(day: re.Match[str]) -> str:
        return str(dt.date.fromisoformat(day[0]) - SHIFT)

    both = isinstance(before, str) and isinstance(after, str)
    return bool(before == after or (both and before == DAY.sub(put_back, after)))


def differing(before: Rows, after: Rows, ignored: Iterable[str]) -> dict[str, Any]:
    """What differs, by column: the first row's key, and both values."""
    found: dict[str, Any] = {}
    if before.keys() != after.keys():
        lost, new = before.keys() - after.keys(), after.keys() - before.keys()
        found["rows"] = (sorted(lost, key=str)[:3], sorted(new, key=str)[:3])
    for key in sorted(before.keys() & after.keys(), key=str):
        for name, value in before[key].items():
            if name not in (*ignored, *found) and not says_the_same(value, after[key][name]):
                found[name] = (key, value, after[key][name])
    return found


def all_differing(
    base: Home, other: Home, ignored: Mapping[str, tuple[str, ...]], back: dt.timedelta = dt.timedelta(0)
) -> dict[str, dict[str, Any]]:
    """What differs in any mart. A mart that is ignored without columns is not compared at all."""
    found = {}
    for mart, key in sorted(keys().items()):
        if ignored.get(mart) == ():
            continue
        before, after = rows_of(base, mart, key, dt.timedelta(0)), rows_of(other, mart, key, back)
        if some := differing(before, after, (*LINEAGE, *ignored.get(mart, ()))):
            found[mart] = some
    return found


LINEAGE = ("observed_at", "load_id")


def test_no_mart_depends_on_the_order_of_rows_or_on_copies(base: Home, home: Home) -> None:
    built(changed(base, home, in_another_order_and_twice))
    counts_of_looks = {"fct_chart_rank_daily": ("captures", "failed_captures")}
    assert all_differing(base, home, counts_of_looks) == {}


def test_no_mart_depends_on_the_clock(base: Home, home: Home) -> None:
    built(changed(base, home, later))
    ignored = {
        "dim_date": (),
        # The ledger of loads is not a part of the data.
        "fct_loads": (),
        # What else happened to a company, and breaks of a source, are days of a seed.
        "event_study": ("confounding_events", "is_confounded", "placebo_p_value", "placebo_windows"),
        "surges": ("known_break_date",),
        # Downloads were published for years, of which those within five years of the day count.
        "demand_index": ("min_downloads_per_day", "max_downloads_per_day"),
    }
    assert all_differing(base, home, ignored, SHIFT) == {}


def test_most_marts_have_rows_to_hold_this_against(base: Home) -> None:
    empty = {mart for mart in marts() if read(base, f"select count(*) from marts.{mart}") == [(0,)]}
    assert empty <= {
        # No bundled case has a company's filings, or two sources of one chart.
        "fct_company_facts", "fct_company_quarters", "fct_chart_agreement",
    }  # fmt: skip


# --- ranks ----------------------------------------------------------------------------------------------

LOOKS = """
    select store, country, chart, store_date from staging.stg_raw__chart_captures
    where capture_status = 'succeeded'
    union select store, country, chart, store_date from staging.stg_raw__chart_entries
"""
SEEN = {
    "store_date": ("rank", "worst_rank", "demand_index", "demand_index_upper_bound", "churn"),
    "series_date": ("value", "effect", "robust_z"),
    "horizon_date": ("persistence",),
    "peak_date": ("peak_rank", "peak_value"),
    "first_number_one_date": ("first_number_one_date",),
    "last_number_one_date": ("last_number_one_date",),
    "trough_date": ("trough_date",),
}
"""By its day, what a mart can only tell of a chart where somebody looked at it on that day."""


def test_no_mart_has_a_rank_on_a_day_on_which_nobody_looked(base: Home) -> None:
    told = 0
    for mart, node in marts().items():
        columns = node["columns"]
        if not {"store", "country", "chart"} <= columns.keys():
            continue
        for day, values in SEEN.items():
            for value in (value for value in values if day in columns and value in columns):
                where = f"marts.{mart} where chart is not null and {value} is not null"
                (seen,) = read(base, f"select count(*) from {where}")
                told += seen[0]
                unseen = f"(store, country, chart, {day}) not in ({LOOKS})"
                assert read(base, f"select * from {where} and {unseen} limit 1") == [], (mart, value)
    assert told > 10_000
    assert read(base, "select count(*) > 100 from marts.fct_chart_rank_daily where rank is null") == [(True,)]


def test_every_rank_is_that_of_an_entry_of_the_day(base: Home) -> None:
    unknown = read(
        base,
        """
        select * from marts.fct_chart_rank_daily as ranks
        where rank is not null and not exists (
            select 1 from staging.stg_raw__chart_entries as entries
            left join staging.stg_raw__watch_apps as apps using (store, store_app_id)
            where (entries.store, entries.country, entries.chart, entries.store_date, entries.rank)
                = (ranks.store, ranks.country, ranks.chart, ranks.store_date, ranks.rank)
            and coalesce(apps.platform_id, entries.platform_id) = ranks.platform_id
        )
        """,
    )
    assert unknown == []


# --- shares ---------------------------------------------------------------------------------------------

SHARE = re.compile(
    r"(^|_)(share|probability|survival|p_value|jaccard|churn|overlap|hhi|longevity|js_divergence|r2)"
    r"(_low|_high)?$|^total_displacement$|^peak_fraction$|^share_predicted_ratio$"
)


def test_shares_and_probabilities_lie_between_0_and_1(base: Home) -> None:
    checked = 0
    for mart, node in marts().items():
        for column in filter(SHARE.search, node["columns"]):
            checked += 1
            outside = read(base, f"select * from marts.{mart} where {column} not between 0 and 1 limit 1")
            assert outside == [], (mart, column)
    assert checked >= 30


def test_shares_of_a_whole_add_up_to_it(base: Home) -> None:
    day = "select episode_id, source, voice_date, count(*) as n, count(share) as told, sum(share) as whole"
    voices = read(base, f"select * from ({day} from marts.share_of_voice_daily group by all) where n = told")
    assert len(voices) >= 20
    assert all(whole == pytest.approx(1, abs=1e-9) for *_, whole in voices)
    stays = read(
        base, "select stay_probability + exit_probability + delisting_probability from marts.persistence"
    )
    known = [whole for (whole,) in stays if whole is not None]
    assert len(known) >= 20
    assert known == pytest.approx([1.0] * len(known), abs=1e-9)


# --- reasons --------------------------------------------------------------------------------------------

GUARDED = {
    ("attention_displacement", "share_null_reason"): ("hhi", "entropy_bits"),
    ("attention_displacement", "displacement_null_reason"): ("total_displacement", "js_divergence"),
    ("attention_displacement", "excess_null_reason"): ("excess_per_day", "ratio_to_baseline"),
    ("attention_displacement", "tone_null_reason"): ("mean_tone",),
    ("claim_chain", "log_ratio_null_reason"): ("log_ratio_to_median",),
    ("claim_chain", "source_null_reason"): ("coalesce(figure_source, quoted_publisher)",),
    ("counterfactual_summary", "effect_null_reason"): ("average_effect", "cumulative_effect", "is_effect"),
    ("demand_index", "downloads_null_reason"): ("downloads_per_day",),
    ("diversion", "diversion_null_reason"): ("diversion_ratio",),
    ("diversion", "range_null_reason"): ("diversion_low", "diversion_high"),
    ("diversion", "share_predicted_null_reason"): ("share_predicted_ratio",),
    ("episode_comparison", "computed_null_reason"): ("computed_value",),
    ("episode_comparison", "benchmark_null_reason"): ("benchmark_value",),
    ("episode_dynamics", "onset_null_reason"): ("onset_date",),
    ("episode_dynamics", "sustained_onset_null_reason"): ("sustained_onset_date",),
    ("episode_dynamics", "peak_null_reason"): ("peak_date", "peak_value", "peak_fraction"),
    ("episode_dynamics", "time_to_peak_null_reason"): ("time_to_peak_days",),
    ("episode_dynamics", "lift_null_reason"): ("lift_x",),
    ("episode_dynamics", "half_life_null_reason"): ("half_life_days",),
    ("episode_dynamics", "half_life_sustained_null_reason"): ("half_life_sustained_days",),
    ("episode_dynamics", "exponential_half_life_null_reason"): ("exponential_half_life_days",),
    ("episode_dynamics", "decay_fit_null_reason"): ("exponential_r2", "power_law_exponent", "better_fit"),
    ("episode_dynamics", "biexponential_null_reason"): ("biexponential_n", "biexponential_q"),
    ("event_study", "null_reason"): ("car", "t_statistic", "p_value"),
    ("event_study", "placebo_null_reason"): ("placebo_p_value",),
    ("event_study_tests", "null_reason"): ("statistic", "p_value"),
    ("fct_chart_health", "comparison_null_reason"): ("churn", "jaccard", "rank_biased_overlap"),
    ("fct_chart_health", "kendall_null_reason"): ("kendall_tau_b",),
    ("fct_returns_daily", "return_null_reason"): ("simple_return", "log_return"),
    ("lead_lag", "null_reason"): ("best_lag", "rho", "verdict"),
    ("lead_lag", "next_best_null_reason"): ("next_best_lag",),
    ("lead_lag", "granger_null_reason"): ("granger_p_leader_to_follower",),
    ("migration_daily", "index_null_reason"): ("migration_index", "index_low", "index_high"),
    ("migration_episodes", "onset_null_reason"): ("onset_date",),
    ("migration_episodes", "number_one_null_reason"): ("first_number_one_date",),
    ("migration_episodes", "peak_null_reason"): ("peak_date", "peak_rank"),
    ("migration_episodes", "half_life_null_reason"): ("half_life_days",),
    ("migration_episodes", "longest_streak_null_reason"): ("longest_streak_days",),
    ("persistence", "interval_null_reason"): ("survival_low", "survival_high"),
    ("share_of_voice_daily", "excess_null_reason"): ("excess_value",),
    ("share_of_voice_daily", "tone_null_reason"): ("mean_tone",),
    ("source_agreement", "rank_order_null_reason"): ("rank_order_agreement",),
    ("surges", "cusum_null_reason"): ("detrended_z", "cusum_up", "cusum_alarm"),
    ("surges", "burst_null_reason"): ("burst_state",),
    ("surges", "break_null_reason"): ("break_penalties",),
    ("surges", "surge_null_reason"): ("is_surge", "is_slump", "surge_onset"),
}
"""What a reason stands for, where it is not the column of its name."""

NO_REASON = {
    "demand_index": ("demand_index_upper_bound",),  # of an app beyond the depth alone
    "episode_comparison": (
        "computed_after_days", "benchmark_low", "benchmark_high", "benchmark_after_days",
    ),  # only where the published figure has them
    "episode_dynamics": tuple(
        f"persistence_{days}d_upper_bound" for days in (7, 14, 30, 60, 90)
    ),  # of an app off the chart alone
    "event_study": ("price_limit_share",),  # of exchanges with price limits alone
    "event_study_tests": ("degrees_of_freedom",),  # of t distributions alone
    "fct_attention_daily": (
        "cutoff_value", "captures", "captures_expected", "distinct_items", "best_rank", "max_heat",
    ),  # only of sources that tell them
    "fct_news_daily": ("distinct_outlets",),
    "fct_published_metrics": ("value_low", "value_high"),
    "fct_returns_daily": ("close",),
    "migration_daily": (
        "destination_demand_z", "destination_demand_excess", "origin_demand_z", "origin_demand_excess",
        "share_of_voice_z", "share_of_voice_excess", "co_mention_z", "co_mention_excess",
    ),  # legs_missing tells
    "persistence": ("benchmark_survival",),
    "platform_profile": ("value",),  # of an attribute that is a text
}  # fmt: skip
"""Figures that may be missing without a reason."""


def test_every_reason_is_told_exactly_where_its_figure_is_missing(base: Home) -> None:
    for mart, node in marts().items():
        for reason in (name for name in node["columns"] if name.endswith("null_reason")):
            figure = reason.removesuffix("_null_reason")
            figures = GUARDED.get((mart, reason), (figure,) if figure in node["columns"] else ())
            assert figures, f"nothing is known that {mart}.{reason} stands for"
            for column in figures:
                wrong = f"({column} is null) != ({reason} is not null)"
                assert read(base, f"select * from marts.{mart} where {wrong} limit 1") == [], (mart, column)


def test_no_figure_is_missing_in_a_row_without_a_reason(base: Home) -> None:
    missing: dict[str, list[str]] = {}
    for mart, node in marts().items():
        reasons = [name for name in node["columns"] if name.endswith("reason")]
        silent = " and ".join(f"{name} is null" for name in reasons) or "true"
        for name, column in node["columns"].items():
            is_figure = column["data_type"] == "double" and name not in NO_REASON.get(mart, ())
            if is_figure and read(
                base, f"select 1 from marts.{mart} where {name} is null and {silent} limit 1"
            ):
                missing.setdefault(mart, []).append(name)
    assert missing == {}
