"""Models that follow their inputs: never on a failed check, of whatever run; heavy ones by night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from orchestration.dbt import ensure_manifest, read_manifest
from orchestration.definitions import build_defs
from orchestration.defs.automation import (
    FOLLOWS_ITS_INPUTS,
    FOLLOWS_THE_CLOCK,
    HEAVY,
    SENSOR,
    condition_of,
)
from orchestration.defs.lake import check_name, raw_key
from orchestration.defs.runs import MAIN_JOB
from orchestration.defs.warehouse import asset_nodes

HEAVY_MODELS = {
    "int_counterfactual_fits",
    "counterfactual",
    "counterfactual_controls",
    "counterfactual_summary",
    "int_lead_lag_fits",
    "lead_lag",
}
"""Chosen by measuring: a quarter of the build of January 2025, growing with the pairs of series."""


class Ticks:
    """The automation sensor's evaluations, one after the other, on an installation in which all is built."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        ensure_manifest()
        self.instance = instance
        self.definitions = build_defs()
        self.cursor: Any = None
        graph = self.definitions.resolve_asset_graph()
        for key in graph.materializable_asset_keys:
            self.materialize(key)
        for check in graph.asset_check_keys:
            self.check(check, passed=True)

    def materialize(self, key: dg.AssetKey) -> None:
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key))

    def check(self, key: dg.AssetCheckKey, *, passed: bool) -> None:
        evaluation = dg.AssetCheckEvaluation(
            asset_key=key.asset_key, check_name=key.name, passed=passed, metadata={}
        )
        self.instance.report_runless_asset_event(evaluation)

    def load(self, table: str, *, passed: bool = True) -> None:
        """What a run of a raw table leaves."""
        self.materialize(raw_key(table))
        self.check(dg.AssetCheckKey(raw_key(table), check_name(table)), passed=passed)

    def tick(self, moment: datetime | None = None) -> set[str]:
        """What the sensor would build now, or at that moment."""
        result = dg.evaluate_automation_conditions(
            self.definitions, self.instance, cursor=self.cursor, evaluation_time=moment
        )
        self.cursor = result.cursor
        return {one.key.to_user_string() for one in result.results if result.get_num_requested(one.key)}


@pytest.fixture
def ticks() -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(instance)


def test_a_failed_check_of_another_run_stops_what_reads_its_table_and_nothing_else(ticks: Ticks) -> None:
    assert ticks.tick() == set()
    ticks.load("chart_entries", passed=False)
    ticks.load("articles")
    built = ticks.tick()
    assert {"stg_raw__articles", "fct_news_stories", "observatory"} <= built
    assert not built & {"stg_raw__chart_entries", "fct_chart_rank_daily", "migration_episodes"}
    assert ticks.tick() == set(), "it stays stopped"
    ticks.load("chart_entries", passed=True)
    assert {"stg_raw__chart_entries", "fct_chart_rank_daily", "migration_episodes"} <= ticks.tick()


def test_every_model_and_the_published_file_follow(ticks: Ticks) -> None:
    graph = ticks.definitions.resolve_asset_graph()
    names = [node["name"] for node in asset_nodes(read_manifest()).values()]
    for name in (*names, "observatory"):
        assert graph.get(dg.AssetKey(name)).automation_condition in (FOLLOWS_ITS_INPUTS, FOLLOWS_THE_CLOCK)


def test_the_sensor_is_off_until_somebody_wants_it(ticks: Ticks) -> None:
    sensor = ticks.definitions.resolve_sensor_def(SENSOR)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


def test_heavy_models_follow_the_clock_and_good_inputs() -> None:
    check = dg.AssetCheckSpec("rows_are_broken", asset="rows", blocking=True)

    @dg.multi_asset(specs=[dg.AssetSpec("rows")], check_specs=[check])
    def load_rows() -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult("rows")

    @dg.asset(deps=["rows"], automation_condition=condition_of(["attention", HEAVY]))
    def heavy_mart() -> None:
        """Never run."""

    definitions = dg.Definitions(assets=[load_rows, heavy_mart])
    with dg.DagsterInstance.ephemeral() as instance:
        cursor: Any = None

        def load(*, passed: bool) -> None:
            instance.report_runless_asset_event(dg.AssetMaterialization("rows"))
            checked = dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("rows"), check_name=check.name, passed=passed, metadata={}
            )
            instance.report_runless_asset_event(checked)

        def requested(day: int, hour: int) -> int:
            nonlocal cursor
            moment = datetime(2026, 11, day, hour, 5, tzinfo=UTC)
            result = dg.evaluate_automation_conditions(
                definitions, instance, cursor=cursor, evaluation_time=moment
            )
            cursor = result.cursor
            return result.total_requested

        load(passed=True)
        assert requested(20, 22) == 0
        load(passed=False)
        assert requested(20, 23) == 0, "an input is new, but the day is not over"
        assert requested(21, 0) == 0, "the day is over, but a check of the input failed"
        load(passed=True)
        assert requested(21, 1) == 1
        assert requested(21, 2) == 0
        load(passed=True)
        assert requested(21, 3) == 0, "once a day"
        assert requested(22, 0) == 1
        assert requested(23, 0) == 0, "nothing is new"


def test_heavy_models_are_built_after_midnight_though_most_inputs_are_old(ticks: Ticks) -> None:
    heavy = {node["name"] for node in asset_nodes(read_manifest()).values() if HEAVY in node["tags"]}
    assert heavy == HEAVY_MODELS
    today = datetime.now(UTC)
    night = (today + timedelta(days=1)).replace(hour=0, minute=5)
    ticks.tick(today)
    ticks.load("chart_entries")
    built = ticks.tick(today)
    assert {"stg_raw__chart_entries", "int_counterfactual_days"} <= built
    assert not built & heavy
    for name in built:
        ticks.materialize(dg.AssetKey(name.split("/")))
    assert heavy - {"int_lead_lag_fits", "lead_lag"} <= ticks.tick(night)


def test_the_nightly_job_builds_heavy_models_too(ticks: Ticks) -> None:
    job = ticks.definitions.resolve_job_def(MAIN_JOB)
    keys = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert keys >= HEAVY_MODELS
