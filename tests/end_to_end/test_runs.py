"""Runs after the first: nothing new, something broken, something blocked."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.inbox import receive_inbox
from ingestion.load import load_pending
from ingestion.settings import CASES, Home
from orchestration.dbt import NodeResult, build, ensure_manifest
from orchestration.definitions import build_defs
from orchestration.defs.runs import unblocked_keys
from orchestration.session import prepare_instance, run_main_job
from tests._support.loading import drop, real_watched

HEADER = (
    "statement_id,subject_type,subject_id,platform_id,metric,geography,observed_date,date_precision,"
    "value,value_bound,unit,provider\n"
)


def contents(home: Home) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
        return {name: connection.execute(f"from marts.{name} order by all").fetchall() for name in tables}


def lake_files(home: Home) -> dict[str, bytes]:
    return {str(path.relative_to(home.lake)): path.read_bytes() for path in home.lake.rglob("*.parquet")}


def test_a_second_run_changes_no_mart_and_no_file_of_the_lake(loaded: Home) -> None:
    before, files, version = contents(loaded), lake_files(loaded), loaded.published_database.resolve()
    assert run_main_job(loaded, cases=["january_2025"]).published
    assert contents(loaded) == before
    assert lake_files(loaded) == files
    assert loaded.published_database.resolve() == version


def test_good_files_of_a_drop_reach_the_marts_beside_broken_ones(loaded: Home) -> None:
    loaded.inbox.mkdir(exist_ok=True)
    good = HEADER + "X1,platform,lemon8,lemon8,dau,US,2025-01-20,day,2000000,=,users,Example Vendor\n"
    (loaded.inbox / "published_metrics__good.csv").write_text(good)
    (loaded.inbox / "published_metrics__broken.csv").write_text("statement_id,metric\nX2,dau\n")
    outcome = run_main_job(loaded, cases=[])
    assert outcome.published
    with duckdb.connect(str(loaded.published_database), read_only=True) as connection:
        (value,) = connection.execute(
            "select value from marts.fct_published_metrics where provider = 'Example Vendor'"
        ).fetchall()[0]
        loads = connection.execute(
            "select file_name, verdict, reason from marts.fct_loads where source = 'import' order by all"
        ).fetchall()
    assert value == 2_000_000
    assert [(name, verdict) for name, verdict, _ in loads] == [
        ("published_metrics__broken.csv", "held"),
        ("published_metrics__good.csv", "published"),
    ]
    assert loads[0][2]


def test_a_case_that_breaks_its_contract_blocks_what_reads_it_and_nothing_else(loaded: Home) -> None:
    before = contents(loaded)
    case = loaded.inbox / "january_2025"
    shutil.copytree(CASES / "january_2025", case)
    entries = case / "chart_entries.csv"
    entries.write_text(entries.read_text().replace("rank", "position", 1))
    metrics = case / "published_metrics.csv"
    metrics.write_text(metrics.read_text().replace("32500000", "32600000"))

    outcome = run_main_job(loaded, cases=[])

    assert outcome.blocked == ("chart_entries",)
    assert outcome.published
    after = contents(loaded)
    assert after["fct_chart_rank_daily"] == before["fct_chart_rank_daily"]
    assert after["migration_episodes"] == before["migration_episodes"]
    assert after["source_agreement"] != before["source_agreement"]
    held = [row for row in after["fct_loads"] if "held" in row]
    assert len(held) == 1
    assert run_main_job(loaded, cases=[]).blocked == ("chart_entries",), "it stays blocked until it is mended"
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        first = instance.get_run_by_id(outcome.run_ids[0])
        assert first is not None
        assert first.status is dg.DagsterRunStatus.FAILURE
        built = instance.get_latest_materialization_event(dg.AssetKey("fct_chart_rank_daily"))
        assert built is None or built.run_id not in outcome.run_ids


def test_a_corrected_case_is_not_undone_by_the_bundled_one(loaded: Home) -> None:
    case = loaded.inbox / "january_2025"
    shutil.copytree(CASES / "january_2025", case)
    metrics = case / "published_metrics.csv"
    metrics.write_text(metrics.read_text().replace("32500000", "32600000"))
    for _ in range(2):
        assert run_main_job(loaded).published
        with duckdb.connect(str(loaded.published_database), read_only=True) as connection:
            query = "select max_value from marts.source_agreement where first_date = date '2025-01-19'"
            assert connection.execute(query).fetchall() == [(32_600_000,)]


def test_a_run_that_is_killed_while_it_builds_or_publishes_stops_no_later_run(loaded: Home) -> None:
    """SIGKILL of the whole run, at the two steps that hold the warehouse."""
    program = (
        "import os, signal, sys; from pathlib import Path; from ingestion.settings import Home;"
        "from orchestration.session import run_main_job;"
        "kill = lambda step, status: os.kill(os.getpid(), signal.SIGKILL)"
        "  if (step, status) == (sys.argv[2], 'started') else None;"
        "run_main_job(Home(Path(sys.argv[1])), cases=[], report=kill)"
    )
    before = contents(loaded)
    row = "V{},platform,lemon8,lemon8,dau,US,2025-01-20,day,{}000000,=,users,Example Vendor\n"
    for number, step in enumerate(("dbt_build", "observatory"), start=2):
        (loaded.inbox / f"published_metrics__{step}.csv").write_text(HEADER + row.format(number, number))
        command = [sys.executable, "-c", program, str(loaded.root), step]
        killed = subprocess.run(command, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert contents(loaded).keys() == before.keys()
        assert run_main_job(loaded, cases=[]).published
        with duckdb.connect(str(loaded.published_database), read_only=True) as connection:
            query = f"select value from marts.fct_published_metrics where statement_id = 'V{number}'"
            assert connection.execute(query).fetchall() == [(number * 1e6,)]
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        assert not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))


def test_a_lake_that_changes_during_a_build_is_built_once_more(
    loaded: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run replaces files while models read them: what is published is of one state, the later one."""
    builds: list[int] = []
    row = "V{0},platform,lemon8,lemon8,dau,US,2025-01-20,day,{0}000000,=,users,Example Vendor\n"

    def build_while_another_loads(*arguments: Any) -> list[NodeResult]:
        results = build(*arguments)
        if not builds:
            drop(loaded, "published_metrics__second.csv", HEADER + row.format(2))
            now = partial(datetime.now, UTC)
            receive_inbox(loaded, now)
            assert load_pending(loaded, "published_metrics", real_watched(), now)
        builds.append(len(results))
        return [replace(result, status="error") for result in results] if len(builds) == 1 else results

    monkeypatch.setattr("orchestration.defs.warehouse.build", build_while_another_loads)
    drop(loaded, "published_metrics__first.csv", HEADER + row.format(1))
    assert run_main_job(loaded, cases=[]).published
    assert len(builds) == 2
    with duckdb.connect(str(loaded.published_database), read_only=True) as connection:
        said = "select value from marts.fct_published_metrics where provider = 'Example Vendor' order by all"
        assert connection.execute(said).fetchall() == [(1e6,), (2e6,)]


def test_a_damaged_publication_is_healed_by_the_next_run(loaded: Home) -> None:
    before = contents(loaded)
    database = loaded.published_database.resolve()
    database.write_bytes(database.read_bytes()[:4096])
    assert run_main_job(loaded, cases=["january_2025"]).published
    assert contents(loaded) == before


def test_the_sensor_asks_for_what_a_failed_check_does_not_concern() -> None:
    ensure_manifest()
    assets = [one for one in build_defs().assets or () if isinstance(one, dg.AssetsDefinition | dg.AssetSpec)]
    keys = {key.to_user_string() for key in unblocked_keys(assets, ["chart_entries"])}
    assert {"source_agreement", "fct_loads", "observatory", "health"} <= keys
    assert not keys & {"raw/chart_entries", "fct_chart_rank_daily", "migration_episodes", "inbox"}
    assert not any(key.startswith("upstream/") for key in keys), "nobody is asked over the network"
