"""Turns bytes of the archive into rows of raw text, each with its number in the file.

Belongs here: CSV, JSON Lines and Parquet, their encodings, and what cannot be read of them. Every value
becomes text or NULL, whatever the format, so that one piece of code gives it its type.
Does not belong here: types (`ingestion.conform`) and rules (`ingestion.checks`).
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.archive import Format
from ingestion.contract import OBSERVED_AT, ColumnType, RawTable
from ingestion.errors import UnreadableInputError
from ingestion.sql import connection, quoted

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MAX_LINE_CHARACTERS = 1024 * 1024
MAX_ROWS = 1_000_000
MAX_TEXT_BYTES = 1024**3
"""What the values of a Parquet file may come to when they are spelled out: it may be packed 1:1000."""

CHUNK_BYTES = 1024 * 1024
SHOWN_CHARACTERS = 80

BYTE_ORDER_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark starts with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class BrokenRow:
    """A row that has no place in the columns, as it was given."""

    row_number: int
    reason: str
    text: str


@dataclass(frozen=True)
class Rows:
    """What was read of a file.

    `frame`: one `str` column for each column of the contract that the file has; the index is the row
    number, from 1, the header not counted. `unknown`: columns that no contract knows; they are left out.
    `remarks`: sentences about rows that are not among these, and why.
    """

    frame: pd.DataFrame
    broken: tuple[BrokenRow, ...]
    unknown: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Rows in."""
        return len(self.frame) + len(self.broken)


def read(path: Path, format: Format, table: RawTable, file_name: str) -> Rows:
    """Rows of the archived file at `path`.

    Raises `UnreadableInputError`, naming `file_name`, where the file as a whole cannot be trusted: not
    its encoding, too long a line, an unclosed quotation, no header, a column twice, not Parquet.
    """
    if format is Format.PARQUET:
        return _read_parquet(path, table, file_name)
    encoding = _encoding(path, file_name)
    with path.open(encoding=encoding, newline="") as text:
        lines = _lines(text, file_name)
        if format is Format.CSV:
            return _read_csv(lines, table, file_name)
        return _read_json_lines(lines, table, file_name)


def rows_from_records(records: Sequence[Mapping[str, object]], table: RawTable) -> Rows:
    """Rows of values that are already in memory, such as those of the watchlist."""
    columns = {name: [as_text(record.get(name)) for record in records] for name in _known(table)}
    return rows_from_columns(columns, len(records))


def rows_from_columns(columns: Mapping[str, Sequence[str | None]], count: int) -> Rows:
    """`count` rows of texts that are already in memory, by column: all of a contract, and `observed_at`."""
    return Rows(_frame(columns, range(1, count + 1)), (), ())


def _known(table: RawTable) -> tuple[str, ...]:
    return (*table.column_names, OBSERVED_AT.name)


def _frame(columns: Mapping[str, Sequence[str | None]], row_numbers: Sequence[int]) -> pd.DataFrame:
    import pandas as pd

    index = pd.Index(list(row_numbers), dtype="int64")
    return pd.DataFrame(
        {name: pd.Series(list(values), index=index, dtype="str") for name, values in columns.items()},
        index=index,
    )


def as_text(value: object) -> str | None:
    """A value as a file would spell it; None for NULL."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


# --- text -----------------------------------------------------------------------------------------


def _encoding(path: Path, file_name: str) -> str:
    """The encoding of a text file, after all of it was decoded once."""
    with path.open("rb") as content:
        start = content.read(4)
        name = next((name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)), "utf-8")
        content.seek(0)
        decoder = codecs.getincrementaldecoder(name)(errors="strict")
        while True:
            chunk = content.read(CHUNK_BYTES)
            held_back = len(decoder.getstate()[0])
            offset = content.tell() - len(chunk) - held_back
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                bad = offset + (error.start if isinstance(error, UnicodeDecodeError) else 0)
                raise UnreadableInputError(
                    f"is not {name.upper()} text: the byte at offset {bad} does not belong there",
                    source=file_name,
                    remedy="Save it as UTF-8, or as UTF-16 with a byte order mark.",
                ) from error
            if not chunk:
                return name


def _lines(text: io.TextIOBase, file_name: str) -> Iterator[str]:
    """Lines with their ends, be they LF, CRLF or CR."""
    for number in _forever():
        line = text.readline(MAX_LINE_CHARACTERS + 1)
        if not line:
            return
        if len(line) > MAX_LINE_CHARACTERS:
            raise UnreadableInputError(
                f"line {number} is longer than {MAX_LINE_CHARACTERS} characters",
                source=file_name,
                remedy="Check that the file is text with one row a line.",
            )
        if "\0" in line:
            raise UnreadableInputError(
                f"line {number} holds a NUL byte",
                source=file_name,
                remedy="Save it as UTF-8, or as UTF-16 with a byte order mark.",
            )
        yield line


def _forever() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


def _refuse_too_many(row_number: int, file_name: str) -> None:
    if row_number > MAX_ROWS:
        raise UnreadableInputError(
            f"has more than {MAX_ROWS} rows", source=file_name, remedy="Split it into smaller files."
        )


# --- CSV ------------------------------------------------------------------------------------------


def _read_csv(lines: Iterable[str], table: RawTable, file_name: str) -> Rows:
    reader = csv.reader(lines, strict=True)
    try:
        header = [cell.strip() for cell in next((record for record in reader if record), [])]
        _check_header(header, table, file_name)
        taken = [(header.index(name), name) for name in _known(table) if name in header]
        columns: dict[str, list[str | None]] = {name: [] for _, name in taken}
        numbers: list[int] = []
        broken: list[BrokenRow] = []
        number = 0
        for record in reader:
            if not record:
                continue  # an empty line is no row
            number += 1
            _refuse_too_many(number, file_name)
            if len(record) != len(header):
                reason = f"the row has {len(record)} fields where the header has {len(header)}"
                broken.append(BrokenRow(number, reason, json.dumps(record, ensure_ascii=False)))
                continue
            numbers.append(number)
            for position, name in taken:
                columns[name].append(record[position])
    except csv.Error as error:
        raise UnreadableInputError(
            f"cannot be read as CSV from line {reader.line_num} on: {error}",
            source=file_name,
            remedy="Check the quotation marks near that line.",
        ) from error
    known = set(_known(table))
    unknown = tuple(name for name in header if name not in known)
    return Rows(_frame(columns, numbers), tuple(broken), unknown)


def _check_header(header: Sequence[str], table: RawTable, file_name: str) -> None:
    if not header:
        raise UnreadableInputError(
            "is empty", source=file_name, remedy=f"Start it with a header of columns of {table.name}."
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UnreadableInputError(
            f"has columns twice in its header: {', '.join(_shown(name) for name in twice)}",
            source=file_name,
            remedy="Leave each column once.",
        )
    if not set(header) & set(_known(table)):
        raise UnreadableInputError(
            f"has no column of {table.name} in its header; its first line is {_shown(','.join(header))}",
            source=file_name,
            remedy="Write a header, and separate columns by commas.",
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}...")


# --- JSON Lines -----------------------------------------------------------------------------------


def _read_json_lines(lines: Iterable[str], table: RawTable, file_name: str) -> Rows:
    numbers: list[int] = []
    records: list[dict[str, str | None]] = []
    broken: list[BrokenRow] = []
    seen: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        _refuse_too_many(number, file_name)
        try:
            record = _json_record(line)
        except ValueError as error:
            broken.append(BrokenRow(number, f"the line is no flat JSON object: {error}", line.rstrip("\r\n")))
            continue
        numbers.append(number)
        records.append(record)
        seen.update(dict.fromkeys(record))
    known = _known(table)
    present = [name for name in known if name in seen or not records]
    columns = {name: [record.get(name) for record in records] for name in present}
    unknown = tuple(name for name in seen if name not in known)
    return Rows(_frame(columns, numbers), tuple(broken), unknown)


def _json_record(line: str) -> dict[str, str | None]:
    """One line as texts; numbers stay as they were written. Raises `ValueError` saying what is wrong."""
    try:
        value = json.loads(
            line,
            parse_int=str,
            parse_float=str,
            parse_constant=_no_constant,
            object_pairs_hook=_flat_object,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return value


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON")


def _flat_object(pairs: list[tuple[str, Any]]) -> dict[str, str | None]:
    flat: dict[str, str | None] = {}
    for name, value in pairs:
        if name in flat:
            raise ValueError(f"{_shown(name)} stands in it twice")
        if isinstance(value, dict | list):
            raise ValueError(f"{_shown(name)} is a list or an object")
        text = as_text(value)
        if not is_clean(name) or (text is not None and not is_clean(text)):
            raise ValueError(f"{_shown(name)} holds a character that is none")
        flat[name] = text
    return flat


def is_clean(text: str) -> bool:
    """Half of a surrogate pair or a NUL can be spelled in JSON, and be written nowhere."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


# --- Parquet --------------------------------------------------------------------------------------


def _read_parquet(path: Path, table: RawTable, file_name: str) -> Rows:
    import duckdb

    try:
        with connection() as con:
            return _parquet_rows(con, path, table, file_name)
    except duckdb.Error as error:
        said = " ".join(str(error).split())[:300]
        raise UnreadableInputError(
            f"cannot be read as Parquet: {said}", source=file_name, remedy="Write the file again."
        ) from error


def _parquet_rows(con: duckdb.DuckDBPyConnection, path: Path, table: RawTable, file_name: str) -> Rows:
    relation = "read_parquet($path, hive_partitioning = false)"
    parameters = {"path": str(path)}
    described = con.execute(f"DESCRIBE SELECT * FROM {relation}", parameters).fetchall()
    types = {str(name): str(type_) for name, type_, *_ in described}
    wanted = {column.name: column.type for column in (*table.columns, OBSERVED_AT)}
    taken = [name for name in wanted if name in types]
    unknown = tuple(name for name in types if name not in wanted)
    if not taken:
        raise UnreadableInputError(
            f"has no column of {table.name}",
            source=file_name,
            remedy="Name the columns as the contract does.",
        )
    texts = {name: _parquet_text(name, types[name], wanted[name], file_name) for name in taken}
    (rows,) = con.execute(f"SELECT count(*) FROM {relation}", parameters).fetchall()[0]
    _refuse_too_many(int(rows), file_name)
    _refuse_too_much_text(con, relation, parameters, texts, file_name)
    selected = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in texts.items())
    frame = con.execute(f"SELECT {selected} FROM {relation}", parameters).df()
    columns = {name: [v if isinstance(v, str) else None for v in frame[name].tolist()] for name in taken}
    return Rows(_frame(columns, range(1, int(rows) + 1)), (), unknown)


def _refuse_too_much_text(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: dict[str, str],
    texts: Mapping[str, str],
    file_name: str,
) -> None:
    length = " + ".join(f"coalesce(strlen({expression}), 0)" for expression in texts.values())
    (size,) = con.execute(f"SELECT coalesce(sum({length}), 0) FROM {relation}", parameters).fetchall()[0]
    if int(size) > MAX_TEXT_BYTES:
        raise UnreadableInputError(
            f"unpacks to more than {MAX_TEXT_BYTES // 1024**2} MiB",
            source=file_name,
            remedy="Split the file.",
        )


def _parquet_text(name: str, given: str, wanted: ColumnType, file_name: str) -> str:
    """An SQL expression that spells a column as `ingestion.conform` reads it.

    A timestamp without a zone is in UTC, as in the lake; one at midnight may stand for a day. NaN is what
    pandas writes where a number is missing.
    """
    column = quoted(name)
    if given == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    if given.startswith("TIMESTAMP"):
        moment = f"CAST({column} AS TIMESTAMP)"
        if wanted is ColumnType.DATE:
            day = f"CAST({moment} AS DATE)"
            return (
                f"CASE WHEN {day} = {moment} THEN CAST({day} AS VARCHAR) ELSE CAST({moment} AS VARCHAR) END"
            )
        return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if given in {"FLOAT", "DOUBLE"}:
        return f"CASE WHEN NOT isnan({column}) THEN CAST({column} AS VARCHAR) END"
    if "(" in given.removeprefix("DECIMAL(") or "[" in given or given in {"BLOB", "MAP", "VARIANT"}:
        raise UnreadableInputError(
            f"column {_shown(name)} is of type {given[:SHOWN_CHARACTERS]}",
            source=file_name,
            remedy="Give single values: text, numbers, booleans, days, timestamps.",
        )
    return f"CAST({column} AS VARCHAR)"
