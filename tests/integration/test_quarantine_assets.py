"""Quarantine in Dagster: what the asset shows and the job releases; and what all assets show after a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from ingestion.settings import Home
from ingestion.waiting import open_items
from orchestration.dbt import ensure_manifest
from orchestration.definitions import build_defs
from orchestration.defs.lake import LOADS
from orchestration.defs.quarantine import RELEASE_JOB
from orchestration.defs.runs import MAIN_JOB
from orchestration.installation import Installation
from orchestration.session import prepare_instance, run_main_job
from tests._support.loading import VENDOR, csv_text, drop

NOT_WATCHED = {**VENDOR, "statement_id": "V2", "platform_id": "rednote"}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The bundled case, and a file of which one row is in quarantine."""
    ensure_manifest()
    home = Home(tmp_path_factory.mktemp("quarantine") / "home")
    drop(home, "published_metrics__vendor.csv", csv_text([VENDOR, NOT_WATCHED]))
    assert run_main_job(home).published
    return home


@pytest.fixture
def instance(loaded: Home) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as opened:
        yield opened


def shown(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, dg.MetadataValue]:
    event = instance.get_latest_materialization_event(key)
    assert event and event.asset_materialization, key
    return dict(event.asset_materialization.metadata)


def cells(value: dg.MetadataValue) -> list[dict[str, object]]:
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def test_every_asset_shows_rows_and_a_preview_after_a_run(loaded: Home, instance: dg.DagsterInstance) -> None:
    graph = build_defs().resolve_asset_graph()
    job = build_defs().resolve_job_def(MAIN_JOB)
    for key in sorted(graph.get_all_asset_keys()):
        if key in job.asset_layer.selected_asset_keys or key == LOADS:
            metadata = shown(instance, key)
            assert isinstance(metadata["dagster/row_count"].value, int), key
            assert metadata["preview"], key


def test_every_model_shows_all_of_its_columns_with_types(instance: dg.DagsterInstance) -> None:
    for name in ("stg_raw__published_metrics", "int_claims", "fct_published_metrics"):
        schema = shown(instance, dg.AssetKey(name))["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchemaMetadataValue)
        columns = {column.name: column for column in schema.schema.columns}
        assert columns["provenance"].type == "VARCHAR"
        assert len(columns) > 5


def test_the_asset_lists_what_waits(loaded: Home, instance: dg.DagsterInstance) -> None:
    metadata = shown(instance, dg.AssetKey("quarantine"))
    (item,) = cells(metadata["preview"])
    assert (item["table"], item["what"], item["rows"]) == ("published_metrics", "rows", 1)
    assert "platform_id is not on the watchlist" in str(item["reasons"])
    (row,) = cells(metadata["rows_sample"])
    assert '"platform_id": "rednote"' in str(row["row"])


def release(home: Home, instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    definitions = build_defs({"installation": Installation(home=str(home.root))})
    return definitions.resolve_job_def(RELEASE_JOB).execute_in_process(
        run_config={"ops": {"released_from_quarantine": {"config": config}}},
        instance=instance,
        raise_on_error=False,
    )


def test_the_job_refuses_a_load_of_another_table(loaded: Home, instance: dg.DagsterInstance) -> None:
    (item,) = open_items(loaded)
    assert not release(loaded, instance, table="articles", load_id=item.load_id).success
    assert open_items(loaded) == [item]


def test_the_job_takes_a_corrected_row_to_the_marts(
    loaded: Home, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (item,) = open_items(loaded)
    file = tmp_path / "mend.csv"
    file.write_text(csv_text([{"row_number": "2", **NOT_WATCHED, "platform_id": "xiaohongshu"}]))
    asked = {"table": "published_metrics", "load_id": item.load_id, "corrections": str(file)}
    for _ in range(2):  # a run that is tried again releases nothing twice
        assert release(loaded, instance, **asked).success
        with duckdb.connect(str(loaded.published_database), read_only=True) as connection:
            found = connection.execute(
                "select platform_id from marts.fct_published_metrics "
                "where provider = 'Example Vendor' order by 1"
            ).fetchall()
            loads = connection.execute(
                "select verdict, rows_in, rows_published, provenance from marts.fct_loads "
                "where source = 'released'"
            ).fetchall()
        assert found == [("lemon8",), ("xiaohongshu",)]
        assert loads == [("published", 1, 1, "import")]
    assert open_items(loaded) == []
    assert shown(instance, dg.AssetKey("quarantine"))["open_items"].value == 0
