"""Which executor runs take, and that steps in processes of their own do the same work."""

from __future__ import annotations

import os

import dagster as dg
import pytest

from ingestion.errors import SettingError
from ingestion.loads import read_loads
from ingestion.settings import Home
from ingestion.tables import RAW_TABLES
from orchestration.dbt import ensure_manifest
from orchestration.defs.lake import raw_key
from orchestration.executor import EXECUTOR_VARIABLE, MULTIPROCESS, executor_from
from orchestration.session import prepare_instance
from tests._support.executing import main_job
from tests._support.loading import csv_text, drop, example_rows


def test_all_in_one_process_unless_somebody_chooses() -> None:
    assert executor_from({}) is executor_from({EXECUTOR_VARIABLE: "in_process"}) is dg.in_process_executor
    assert executor_from({EXECUTOR_VARIABLE: MULTIPROCESS}).name == "multiprocess"
    with pytest.raises(SettingError, match="'celery' is no executor"):
        executor_from({EXECUTOR_VARIABLE: "celery"})


@pytest.mark.thorough
def test_steps_in_processes_of_their_own_load_what_was_dropped(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_manifest()
    monkeypatch.setenv("OBSERVATORY_HOME", str(home.root))
    monkeypatch.setenv(EXECUTOR_VARIABLE, MULTIPROCESS)
    drop(home, "fx_rates__a.csv", csv_text(example_rows(RAW_TABLES["fx_rates"])))
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        with dg.execute_job(
            dg.reconstructable(main_job),
            instance,
            run_config={"ops": {"inbox": {"config": {"cases": []}}}},
            asset_selection=[dg.AssetKey("inbox"), raw_key("fx_rates")],
        ) as result:
            assert result.success
        connection = instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.STEP_START)
        started = [record.event_log_entry.dagster_event for record in connection.records]
    processes = {event.pid for event in started if event}
    assert len(processes) == len(started) > 1 and os.getpid() not in processes
    (load,) = read_loads(home)
    assert load.verdict == "published" and load.rows_published == load.rows_in > 0
