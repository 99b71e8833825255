"""Bytes to rows of text: encodings, line ends, broken rows, and files that cannot be trusted."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingestion import readers
from ingestion.archive import Format
from ingestion.errors import UnreadableInputError
from ingestion.readers import Rows, read, rows_from_records
from ingestion.tables import RAW_TABLES

RATES = RAW_TABLES["fx_rates"]
HEADER = "provider,base_currency,quote_currency,rate_date,rate\n"
ROW = "ecb,EUR,USD,2025-01-13,1.0198\n"


def read_bytes(tmp_path: Path, content: bytes | str, format: Format = Format.CSV) -> Rows:
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, format, RATES, "fx_rates.csv")


def rates(rows: Rows) -> list[str]:
    return list(rows.frame["rate"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_recognized(tmp_path: Path, encoding: str) -> None:
    rows = read_bytes(tmp_path, (HEADER + "é中,EUR,USD,2025-01-13,1\n").encode(encoding))
    assert list(rows.frame["provider"]) == ["é中"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_may_be_mixed(tmp_path: Path, end: str) -> None:
    rows = read_bytes(tmp_path, HEADER + ROW.strip() + end + ROW.strip() + "\r\n" + ROW)
    assert rates(rows) == ["1.0198"] * 3


def test_the_first_byte_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    content = HEADER.encode() + b"a" * 3_000_000 + "é".encode("latin-1") + b"\n"
    with pytest.raises(UnreadableInputError, match=f"offset {len(HEADER) + 3_000_000} "):
        read_bytes(tmp_path, content)


def test_utf16_cut_in_the_middle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="UTF-16"):
        read_bytes(tmp_path, (HEADER + ROW).encode("utf-16")[:-1])


def test_utf16_without_a_mark_is_told_by_its_nul_bytes(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="line 1 holds a NUL byte"):
        read_bytes(tmp_path, HEADER.encode("utf-16-le"))


def test_rows_with_too_many_or_too_few_fields_are_broken_and_the_others_read(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, HEADER + ROW + "ecb,EUR\n" + "\n" + "a,b,c,d,e,f\n" + ROW)
    assert list(rows.frame.index) == [1, 4]
    assert [(row.row_number, row.text) for row in rows.broken] == [
        (2, '["ecb", "EUR"]'),
        (3, '["a", "b", "c", "d", "e", "f"]'),
    ]
    assert rows.count == 4


def test_quoted_cells_may_hold_commas_and_line_ends(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, HEADER + '"a, ""b""\nc",EUR,USD,2025-01-13,1\n' + ROW)
    assert list(rows.frame["provider"]) == ['a, "b"\nc', "ecb"]
    assert list(rows.frame.index) == [1, 2]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("\n\r\n", "is empty"),
        ("provider,rate,rate\n", "columns twice in its header: 'rate'"),
        ("provider;rate\necb;1\n", "no column of fx_rates in its header"),
        (HEADER + '"never closed,EUR\n' + ROW, "cannot be read as CSV"),
        (HEADER + '"closed"and on,EUR,USD,2025-01-13,1\n', "cannot be read as CSV"),
        (HEADER + "a\0b,EUR,USD,2025-01-13,1\n", "line 2 holds a NUL byte"),
        (HEADER + "x" * (readers.MAX_LINE_CHARACTERS + 1), "line 2 is longer than"),
    ],
)
def test_files_that_cannot_be_trusted_as_a_whole(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(UnreadableInputError, match=problem):
        read_bytes(tmp_path, content)


def test_more_rows_than_a_load_takes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_ROWS", 2)
    with pytest.raises(UnreadableInputError, match="more than 2 rows"):
        read_bytes(tmp_path, HEADER + ROW * 3)


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, HEADER)
    assert rows.count == 0
    assert list(rows.frame.columns) == HEADER.strip().split(",")


def test_unknown_columns_are_named_and_left_out(tmp_path: Path) -> None:
    rows = read_bytes(tmp_path, "rate, provider ,colour\n1,ecb,red\n")
    assert rows.unknown == ("colour",)
    assert list(rows.frame.columns) == ["provider", "rate"]


# --- JSON Lines -----------------------------------------------------------------------------------


def test_json_numbers_stay_as_they_were_written(tmp_path: Path) -> None:
    lines = '{"rate": 1.10, "provider": "ecb"}\n\n{"rate": "1e400", "provider": null}\r\n{"rate": true}\n'
    rows = read_bytes(tmp_path, lines, Format.JSON_LINES)
    assert rates(rows) == ["1.10", "1e400", "true"]
    assert list(rows.frame.index) == [1, 3, 4]
    assert list(rows.frame["provider"].isna()) == [False, True, True]
    assert "quote_currency" not in rows.frame


@pytest.mark.parametrize(
    "line",
    [
        '{"rate": 1',
        "[1]",
        "1",
        '{"rate": NaN}',
        '{"rate": 1, "rate": 2}',
        '{"rate": [1]}',
        '{"rate": {"a": 1}}',
        '{"rate": "\\ud800"}',
        '{"rate": "\\u0000"}',
        '{"\\udc00": 1}',
        "[" * 100_000,
    ],
)
def test_a_broken_line_is_a_broken_row(tmp_path: Path, line: str) -> None:
    rows = read_bytes(tmp_path, '{"rate": 1}\n' + line + '\n{"rate": 2}\n', Format.JSON_LINES)
    assert rates(rows) == ["1", "2"]
    assert [row.row_number for row in rows.broken] == [2]


# --- Parquet --------------------------------------------------------------------------------------


def read_parquet(tmp_path: Path, select: str, table: str = "chart_captures") -> Rows:
    path = tmp_path / "file.parquet"
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return read(path, Format.PARQUET, RAW_TABLES[table], "file.parquet")


def test_parquet_values_are_spelled_as_the_contract_reads_them(tmp_path: Path) -> None:
    rows = read_parquet(
        tmp_path,
        "SELECT * FROM (VALUES ('c1', TIMESTAMP '2025-01-13 00:00:00', "
        "TIMESTAMPTZ '2025-01-13 10:00:00+08', 12.0::DOUBLE, true), "
        "('c2', TIMESTAMP '2025-01-13 01:00:00', NULL, 'nan'::DOUBLE, NULL)) "
        "AS t(capture_id, store_date, captured_at, depth, extra)",
    )
    assert list(rows.frame["store_date"]) == ["2025-01-13", "2025-01-13 01:00:00"]
    assert rows.frame["captured_at"][1] == "2025-01-13T02:00:00.000000Z"
    assert rows.frame["depth"][1] == "12.0"
    assert list(rows.frame["depth"].isna()) == [False, True]
    assert rows.unknown == ("extra",)


def test_a_parquet_timestamp_without_a_zone_is_in_utc(tmp_path: Path) -> None:
    rows = read_parquet(tmp_path, "SELECT TIMESTAMP '2025-01-13 10:00:00' AS captured_at")
    assert list(rows.frame["captured_at"]) == ["2025-01-13T10:00:00.000000Z"]


@pytest.mark.parametrize("value", ["[1, 2]", "{'a': 1}", "'\\x00'::BLOB", "MAP {'a': 1}"])
def test_nested_and_binary_parquet_columns_are_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(UnreadableInputError, match="'provider' is of type"):
        read_parquet(tmp_path, f"SELECT {value} AS provider")


def test_what_is_not_parquet_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="cannot be read as Parquet"):
        read_bytes(tmp_path, "PAR1 and no more", Format.PARQUET)


def test_a_parquet_file_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MAX_TEXT_BYTES", 1000)
    with pytest.raises(UnreadableInputError, match="unpacks to more"):
        read_parquet(tmp_path, "SELECT repeat('x', 100) AS provider FROM range(11)")


def test_a_parquet_file_without_a_known_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="has no column of chart_captures"):
        read_parquet(tmp_path, "SELECT 1 AS colour")


# --- records --------------------------------------------------------------------------------------


def test_records_become_rows_of_text() -> None:
    table = RAW_TABLES["watch_wikipedia_titles"]
    rows = rows_from_records([{"title": "TikTok", "is_primary": True}, {"title": None}], table)
    assert list(rows.frame["is_primary"].fillna("NULL")) == ["true", "NULL"]
    assert set(table.column_names) <= set(rows.frame.columns)
