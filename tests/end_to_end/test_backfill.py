"""Many days at once: asked by partitions, read again from the archive, and late rows that touch little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import dagster as dg
import duckdb
import pytest
from typer.testing import CliRunner

from ingestion.settings import Home
from ingestion.sources import SOURCES
from orchestration.cli import app
from orchestration.definitions import build_defs
from orchestration.defs.again import AGAIN_JOB
from orchestration.defs.upstreams import DAYS_A_RUN, days_of, upstream_key
from orchestration.installation import Installation
from orchestration.session import prepare_instance, run_main_job
from tests._support import fake_source
from tests._support.fake_source import ITEMS
from tests._support.upstream import Upstream

FIRST, DAYS = date(2025, 1, 1), DAYS_A_RUN + 3
LAST = FIRST + timedelta(days=DAYS - 1)
NAME = "first_news"


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """One upstream, and no others."""
    with Upstream() as server:
        for name in list(SOURCES):
            monkeypatch.delitem(SOURCES, name)
        source = replace(fake_source.SOURCE, name=NAME)
        monkeypatch.setitem(SOURCES, NAME, server.watch(source, fake_source.answer))
        monkeypatch.setenv("OBSERVATORY_MIRROR", server.url)
        yield server


def articles_by_day(home: Home) -> dict[date, int]:
    with duckdb.connect() as connection:
        lake = f"{home.lake}/raw/{NAME}/articles/day=*/data.parquet"
        query = f"select day, count(*) from read_parquet('{lake}', hive_partitioning = true) group by day"
        return dict(connection.execute(query).fetchall())


def test_days_are_asked_by_partitions_and_loaded_once(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.setenv("OBSERVATORY_HOME", str(loaded.root))
    arguments = ["backfill", "--source", NAME, "--from", str(FIRST), "--to", str(LAST)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert articles_by_day(loaded) == {FIRST + timedelta(days=n): sum(ITEMS) for n in range(DAYS)}
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        days = days_of("UTC").get_partition_keys_in_range(dg.PartitionKeyRange(str(FIRST), str(LAST)))
        assert instance.get_materialized_partitions(upstream_key(NAME)) == set(days)
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/asset_partition_range_end": str(LAST)}))
        assert len(runs) == 1, "the last three days are a run of their own"

    # From the web UI the same archive is read again by a job whose launchpad takes the days.
    asked, before = len(upstream.asked), articles_by_day(loaded)
    for path in (loaded.lake / "raw" / NAME).rglob("*.parquet"):
        path.unlink()
    config = {"sources": [NAME], "first": str(FIRST), "last": str(LAST)}
    job = build_defs({"installation": Installation(home=str(loaded.root))}).resolve_job_def(AGAIN_JOB)
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        again = job.execute_in_process(
            instance=instance, run_config={"ops": {"read_again_from_archive": {"config": config}}}
        )
    assert again.success
    assert articles_by_day(loaded) == before
    assert len(upstream.asked) == asked


def test_late_rows_land_on_their_day_and_open_only_what_reads_them(loaded: Home) -> None:
    loaded.inbox.mkdir(exist_ok=True)
    header = "base_currency,quote_currency,rate_date,rate,provider\n"
    (loaded.inbox / "fx_rates__late.csv").write_text(f"{header}EUR,USD,2025-01-02,1.0321,ecb\n")
    outcome = run_main_job(loaded, cases=[])
    assert outcome.published, outcome.failures
    assert (loaded.lake / "raw" / "import" / "fx_rates" / "day=2025-01-02" / "data.parquet").exists()
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        connection = instance.get_records_for_run(
            outcome.run_ids[0], of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        events = [record.event_log_entry.asset_materialization for record in connection.records]
    built = {
        event.asset_key.to_user_string()
        for event in events
        if event is not None and "seconds" in event.metadata
    }
    spared = {
        event.asset_key.to_user_string()
        for event in events
        if event is not None and "built" in event.metadata
    }
    assert {"stg_raw__fx_rates", "stg_raw__loads", "fct_loads"} <= built
    assert {"fct_chart_rank_daily", "migration_episodes", "fct_attention_daily"} <= spared
    assert not built & spared
