"""Text to the types of a contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from ingestion.conform import AS_GIVEN, COPY_OF_ROW, conform
from ingestion.contract import Column, ColumnType, RawTable
from ingestion.readers import rows_from_records

SEEN = datetime(2025, 2, 1, tzinfo=UTC)


def a_table(type: ColumnType, required: bool = False) -> RawTable:
    return RawTable(
        name="example",
        description="One row per example.",
        columns=(
            Column("id", ColumnType.TEXT, "Names it.", required=True),
            Column("value", type, "What is tested.", required=required),
        ),
        key=("id",),
        partition_by=("observed_at",),
        rules=lambda gxe, watched: [],
    )


def conformed(type: ColumnType, *texts: str | None) -> pd.DataFrame:
    records = [{"id": str(n), "value": text} for n, text in enumerate(texts)]
    table = a_table(type)
    return conform(rows_from_records(records, table), table, SEEN)


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        (ColumnType.TEXT, " white  space around \n", "white  space around"),
        (ColumnType.TEXT, "=HYPERLINK(1)", "=HYPERLINK(1)"),
        (ColumnType.INTEGER, " 12 ", 12),
        (ColumnType.INTEGER, "-12.0", -12),
        (ColumnType.INTEGER, "+999999999999999999", 999_999_999_999_999_999),
        (ColumnType.NUMBER, "1.0198", 1.0198),
        (ColumnType.NUMBER, "-.5e-3", -0.0005),
        (ColumnType.NUMBER, "0.1", 0.1),
        (ColumnType.BOOLEAN, "TRUE", True),
        (ColumnType.BOOLEAN, "0", False),
        (ColumnType.DATE, "2025-01-13", pd.Timestamp("2025-01-13")),
        (ColumnType.DATE, "1066-10-14", pd.Timestamp("1066-10-14")),
        (ColumnType.INSTANT, "2025-01-13T10:00:00+08:00", pd.Timestamp("2025-01-13 02:00:00")),
        (ColumnType.INSTANT, "2025-01-13 10:00Z", pd.Timestamp("2025-01-13 10:00:00")),
        (ColumnType.INSTANT, "2025-01-13T10:00:00.123456789z", pd.Timestamp("2025-01-13 10:00:00.123456")),
        (ColumnType.INSTANT, "9999-12-31T23:59:59Z", pd.Timestamp("9999-12-31 23:59:59")),
    ],
)
def test_values_are_read(type: ColumnType, text: str, value: Any) -> None:
    frame = conformed(type, text)
    assert frame["value"].iloc[0] == value
    assert type is ColumnType.TEXT or frame["value" + AS_GIVEN].isna().all()


@pytest.mark.parametrize(
    ("type", "text"),
    [
        (ColumnType.INTEGER, "one"),
        (ColumnType.INTEGER, "1.5"),
        (ColumnType.INTEGER, "1,000"),
        (ColumnType.INTEGER, "1_000"),
        (ColumnType.INTEGER, "٣"),
        (ColumnType.INTEGER, "9999999999999999999"),
        (ColumnType.NUMBER, "nan"),
        (ColumnType.NUMBER, "inf"),
        (ColumnType.NUMBER, "1e999"),
        (ColumnType.NUMBER, "0x10"),
        (ColumnType.NUMBER, "$5"),
        (ColumnType.BOOLEAN, "yes"),
        (ColumnType.BOOLEAN, "2"),
        (ColumnType.DATE, "2025-02-30"),
        (ColumnType.DATE, "13/01/2025"),
        (ColumnType.DATE, "2025-1-3"),
        (ColumnType.DATE, "2025-01-13T00:00:00Z"),
        (ColumnType.INSTANT, "2025-01-13T10:00:00"),
        (ColumnType.INSTANT, "2025-01-13"),
        (ColumnType.INSTANT, "2025-01-13T25:00:00Z"),
        (ColumnType.INSTANT, "2025-01-13T10:00:00 EST"),
    ],
)
def test_what_is_not_of_the_type_is_null_and_kept_beside(type: ColumnType, text: str) -> None:
    frame = conformed(type, "", text)
    assert frame["value"].isna().all()
    assert list(frame["value" + AS_GIVEN].fillna("NULL")) == ["NULL", text]


@pytest.mark.parametrize("type", list(ColumnType))
def test_blank_is_null_whatever_the_type(type: ColumnType) -> None:
    frame = conformed(type, "", "  ", "\u00a0", None)
    assert frame["value"].isna().all()


@pytest.mark.parametrize(
    ("type", "dtype"),
    [
        (ColumnType.TEXT, "str"),
        (ColumnType.INTEGER, "Int64"),
        (ColumnType.NUMBER, "float64"),
        (ColumnType.BOOLEAN, "boolean"),
        (ColumnType.DATE, "datetime64[us]"),
        (ColumnType.INSTANT, "datetime64[us]"),
    ],
)
@pytest.mark.parametrize("texts", [[], [None], ["x"]])
def test_dtypes_do_not_depend_on_the_values(type: ColumnType, dtype: str, texts: list[str | None]) -> None:
    frame = conformed(type, *texts)
    assert str(frame["value"].dtype) == dtype
    assert str(frame["observed_at"].dtype) == "datetime64[us]"


def test_observed_at_is_that_of_the_row_else_that_of_the_load() -> None:
    table = a_table(ColumnType.TEXT)
    records = [
        {"id": "1"},
        {"id": "2", "observed_at": "2025-01-01T00:00:00Z"},
        {"id": "3", "observed_at": "?"},
    ]
    eastern = timezone(timedelta(hours=-5))
    frame = conform(rows_from_records(records, table), table, datetime(2025, 1, 31, 19, tzinfo=eastern))
    assert list(frame["observed_at"][:2]) == [pd.Timestamp("2025-02-01"), pd.Timestamp("2025-01-01")]
    assert frame["observed_at"].isna().tolist() == [False, False, True]


def test_a_load_without_a_zone_is_refused() -> None:
    table = a_table(ColumnType.TEXT)
    with pytest.raises(ValueError, match="has no zone"):
        conform(rows_from_records([{"id": "1"}], table), table, datetime(2025, 1, 1))  # noqa: DTZ001


def test_copies_name_the_first_row_that_says_the_same() -> None:
    table = a_table(ColumnType.NUMBER)
    records = [{"id": "a", "value": v} for v in ("1", "2", "1.0", "x", "x", "1", "y")]
    frame = conform(rows_from_records(records, table), table, SEEN)
    assert frame[COPY_OF_ROW].fillna(0).tolist() == [0, 0, 1, 0, 4, 1, 0]


def test_a_missing_optional_column_is_null_and_a_missing_required_one_stays_away() -> None:
    rows = rows_from_records([{"id": "1"}], a_table(ColumnType.NUMBER))
    without = type(rows)(rows.frame.drop(columns=["value"]), (), ())
    assert conform(without, a_table(ColumnType.NUMBER), SEEN)["value"].isna().all()
    assert "value" not in conform(without, a_table(ColumnType.NUMBER, required=True), SEEN)
