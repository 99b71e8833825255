"""The contracts themselves, and the page and the dbt sources that repeat their columns."""

from __future__ import annotations

import pytest
import yaml

from ingestion.contract import LINEAGE_COLUMNS, RawTable
from ingestion.settings import PROJECT_ROOT
from ingestion.tables import RAW_TABLES
from ingestion.tables.__main__ import page

TABLES = pytest.mark.parametrize("table", RAW_TABLES.values(), ids=RAW_TABLES)


@TABLES
def test_key_and_partition_columns_exist_and_the_key_is_required(table: RawTable) -> None:
    columns = {column.name: column for column in (*table.columns, *LINEAGE_COLUMNS)}
    assert set(table.key) | set(table.partition_by) <= set(columns)
    assert all(columns[name].required for name in table.key)


@TABLES
def test_every_column_is_described_and_every_measure_has_a_unit(table: RawTable) -> None:
    for column in table.columns:
        assert column.description.endswith((".", "...")), column.name
        if column.type.name in {"INTEGER", "NUMBER"}:
            assert column.unit, column.name


def test_the_page_in_docs_is_current() -> None:
    assert (PROJECT_ROOT / "docs" / "raw_tables.md").read_text() == page(), "run `make docs`"


def test_dbt_sources_name_the_same_tables_and_columns() -> None:
    path = PROJECT_ROOT / "dbt_project" / "models" / "staging" / "_raw__sources.yml"
    (source,) = yaml.safe_load(path.read_text())["sources"]
    in_dbt = {table["name"]: [column["name"] for column in table["columns"]] for table in source["tables"]}
    in_code = {
        table.name: list(dict.fromkeys([*table.column_names, *(c.name for c in LINEAGE_COLUMNS)]))
        for table in RAW_TABLES.values()
    }
    in_dbt.pop("loads")
    assert in_dbt == in_code
