"""What Dagster is told: names, descriptions, lineage, and that telling it is cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ingestion.sources import SOURCES
from ingestion.tables import RAW_TABLES
from orchestration.dbt import ensure_manifest, read_manifest
from orchestration.definitions import build_defs
from orchestration.defs.warehouse import public_models
from orchestration.upkeep import code_of

GROUPS = {
    "1_received",
    "2_upstreams",
    "3_lake",
    "4_quarantine",
    "5_staging",
    "6_intermediate",
    "7_marts",
    "8_published",
    "9_operations",
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    ensure_manifest()
    return build_defs()


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_every_asset_is_there(specs: dict[str, dg.AssetSpec]) -> None:
    raw = {f"raw/{name}" for name in (*RAW_TABLES, "loads")}
    models = {
        node["name"]
        for node in read_manifest()["nodes"].values()
        if node["resource_type"] in {"model", "seed"}
    }
    upstreams = {f"upstream/{name}" for name in SOURCES}
    others = {
        "inbox",
        "watchlist",
        "released_from_quarantine",
        "read_again_from_archive",
        "quarantine",
        "observatory",
        "detected_episodes",
        "health",
    }
    assert set(specs) == others | upstreams | raw | models


def test_every_asset_explains_itself(specs: dict[str, dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        assert spec.description, key
        assert spec.owners, key
        assert spec.kinds, key
        assert spec.group_name in GROUPS and type(spec.group_name) is str, key
        assert spec.metadata["dagster/column_schema"], key


def test_groups_read_as_the_data_goes(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            assert str(graph.get(parent).group_name) <= str(graph.get(key).group_name), (parent, key)


def test_an_asset_with_checks_links_to_them(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checked = {check.asset_key for check in graph.asset_check_keys}
    assert checked
    for key in checked:
        assert graph.get(key).metadata["checks"].value == f"/assets/{'/'.join(key.path)}?view=checks"


def test_jobs_schedules_and_sensors_explain_themselves(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    described = {job.name: job.description for job in jobs}
    described |= {schedule.name: schedule.description for schedule in repository.schedule_defs}
    described |= {sensor.name: sensor.description for sensor in repository.sensor_defs}
    for name, description in described.items():
        assert description, name
        assert "_" in name, name


def test_lineage_runs_from_the_inbox_to_the_published_file(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    upstream = dg.AssetSelection.assets("observatory").upstream().resolve(graph)
    read_by_no_mart_yet = {dg.AssetKey(["raw", "fx_rates"])}
    raw = {dg.AssetKey(["raw", name]) for name in RAW_TABLES}
    assert raw - upstream == read_by_no_mart_yet
    assert {dg.AssetKey("inbox"), dg.AssetKey("watchlist")} <= upstream


def test_each_raw_table_has_one_blocking_check(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for name in RAW_TABLES:
        checks = graph.get_check_keys_for_assets({dg.AssetKey(["raw", name])})
        (blocking,) = [check for check in checks if graph.get(check).blocking]
        assert blocking.name == f"{name}_breaks_its_contract"


def test_a_missing_session_is_told_and_stops_nothing(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    check = dg.AssetCheckKey(dg.AssetKey(["raw", "price_bars"]), "price_bars_lack_sessions")
    assert not graph.get(check).blocking
    for job in ("load_check_model_publish", "fetch_live_load_check_model_publish"):
        assert check in definitions.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys


def test_promised_marts_are_public() -> None:
    ensure_manifest()
    assert set(public_models(read_manifest())) >= {
        "dim_platform", "dim_app", "dim_company", "dim_event", "fct_chart_rank_daily", "fct_attention_daily",
        "fct_news_daily", "fct_published_metrics", "fct_returns_daily", "fct_claims", "fct_loads",
        "migration_episodes", "event_study", "source_agreement",
    }  # fmt: skip


def test_loading_the_definitions_imports_nothing_heavy() -> None:
    ensure_manifest()
    program = (
        "import sys; from orchestration.definitions import build_defs; build_defs();"
        "heavy = ('great_expectations', 'pandas', 'dbt.cli', 'httpx', 'lxml', 'feedparser', 'trafilatura');"
        "print([name for name in heavy if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_the_nightly_schedule_runs_the_main_job(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("load_check_model_publish_every_night")
    assert schedule.job_name == "load_check_model_publish"
    assert schedule.execution_timezone == "UTC"


def test_each_upstream_has_a_check_that_stops_nothing(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for name, source in SOURCES.items():
        key = dg.AssetKey(["upstream", name])
        (check,) = graph.get_check_keys_for_assets({key})
        assert not graph.get(check).blocking
        assert {child.path[-1] for child in graph.get(key).child_keys} == set(source.tables)


def test_a_model_in_python_says_so_and_names_code_that_exists(specs: dict[str, dg.AssetSpec]) -> None:
    assert specs["int_story_clusters"].kinds == {"dbt", "duckdb", "python"}
    node = read_manifest()["nodes"]["model.migration_observatory.int_story_clusters"]
    code = code_of(node)
    assert code and all(path.is_file() for path in code)


def test_the_main_job_asks_nobody_and_the_live_one_all_who_are_asked_by_default(
    definitions: dg.Definitions,
) -> None:
    upstreams = {dg.AssetKey(["upstream", name]) for name in SOURCES}
    offline = definitions.resolve_job_def("load_check_model_publish").asset_layer.selected_asset_keys
    live = definitions.resolve_job_def("fetch_live_load_check_model_publish").asset_layer.selected_asset_keys
    assert not offline & upstreams
    defaults = {dg.AssetKey(["upstream", name]) for name, source in SOURCES.items() if source.is_default}
    assert live - offline == defaults


def test_the_project_is_parsed_by_its_absolute_path() -> None:
    """Otherwise a command that is started in another folder does not find the seeds."""
    ensure_manifest()
    for node in read_manifest()["nodes"].values():
        if node["resource_type"] == "seed":
            assert Path(node["root_path"]).is_absolute()


def test_loading_does_not_wait_for_comparisons_with_history(definitions: dg.Definitions) -> None:
    jobs = [job.name for job in definitions.get_repository_def().get_all_jobs() if job.name[:2] != "__"]
    graphs = {name: definitions.resolve_job_def(name).asset_layer.asset_graph for name in jobs}
    names = {name: {key.name for key in graph.asset_check_keys} for name, graph in graphs.items()}
    compared = names.pop("compare_upstreams_with_their_history")
    assert {"attention_has_no_new_events", "attention_has_an_unusual_volume"} <= compared
    for job, checks in names.items():
        assert not checks & compared, job


def test_what_is_asked_regularly_has_a_freshness_policy(specs: dict[str, dg.AssetSpec]) -> None:
    for name, source in SOURCES.items():
        assert (specs[f"upstream/{name}"].freshness_policy is not None) is source.is_default, name


def test_what_needs_the_network_is_off_until_somebody_turns_it_on(definitions: dg.Definitions) -> None:
    sensor = definitions.get_repository_def().get_sensor_def("look_closer_while_an_episode_lasts")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
