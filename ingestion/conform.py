"""Gives rows of text the types of a contract.

Belongs here: how a whole number, a day or an instant is written. Does not belong here: which values are
allowed (`ingestion.checks`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ingestion.contract import OBSERVED_AT, Column, ColumnType, RawTable
from ingestion.effects import in_utc

if TYPE_CHECKING:
    import pandas as pd

    from ingestion.readers import Rows

AS_GIVEN = "__as_given"
"""`<column>__as_given` holds the text of values that are not of the column's type; all others are NULL."""

COPY_OF_ROW = "copy_of_row"
"""Number of the first row that says exactly the same; NULL for rows that say something new."""

WHOLE_NUMBER = r"[+-]?[0-9]{1,18}(\.0*)?"
"""Eighteen digits fit 64 bits. Spreadsheets and pandas write 12 as 12.0 where a neighbour is missing."""
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
INSTANT = DAY + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|z|[+-][0-9]{2}:?[0-9]{2})"
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

TYPE_NAMES = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "a whole number",
    ColumnType.NUMBER: "a number",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.DATE: "a day such as 2025-01-13",
    ColumnType.INSTANT: "an instant with its zone, such as 2025-01-13T15:00:00Z",
}
"""What a value of each type is called in a rule."""


def conform(rows: Rows, table: RawTable, observed_at: datetime) -> pd.DataFrame:
    """`rows` with the contract's types, by row number.

    Text is `str`, whole numbers `Int64`, numbers `float64`, booleans `boolean`, days and instants
    `datetime64[us]` (instants in UTC, without a zone). Cells are trimmed; blank ones are NULL. Optional
    columns that the file lacks are NULL; required ones that it lacks stay away, for the check to say so.
    Adds `observed_at` (that of the row, else `observed_at`), `<column>__as_given` for every column that
    is not text, and `copy_of_row`.
    """
    import pandas as pd

    conformed: dict[str, pd.Series] = {}
    for column in (*table.columns, OBSERVED_AT):
        if column.name in rows.frame.columns:
            given = _trimmed(rows.frame[column.name])
        elif column.required:
            continue
        else:
            given = pd.Series(None, index=rows.frame.index, dtype="str")
        conformed |= _typed(column, given)
    frame = pd.DataFrame(conformed, index=rows.frame.index)
    seen, unread = frame[OBSERVED_AT.name], frame[OBSERVED_AT.name + AS_GIVEN].notna()
    default = pd.Timestamp(in_utc(observed_at).replace(tzinfo=None))
    frame[OBSERVED_AT.name] = seen.where(seen.notna() | unread, default).astype("datetime64[us]")
    frame[COPY_OF_ROW] = _copies(frame)
    return frame


def _trimmed(given: pd.Series) -> pd.Series:
    """Without the white space around it, which nobody sees in a spreadsheet; blank is NULL."""
    trimmed = given.str.strip()
    return trimmed.where(trimmed != "")


def _typed(column: Column, given: pd.Series) -> dict[str, pd.Series]:
    """The column, and beside it what is not of its type."""
    if column.type is ColumnType.TEXT:
        return {column.name: given}
    values = _CONVERSIONS[column.type](given)
    return {column.name: values, column.name + AS_GIVEN: given.where(values.isna())}


def _whole_numbers(text: pd.Series) -> pd.Series:
    import pandas as pd

    readable = text[text.str.fullmatch(WHOLE_NUMBER, na=False)]
    numbers = readable.str.replace(r"\.0*$", "", regex=True).astype("int64").astype("Int64")
    return pd.Series(numbers, index=text.index, dtype="Int64")


def _numbers(text: pd.Series) -> pd.Series:
    import numpy as np

    numbers = text.where(text.str.fullmatch(NUMBER, na=False)).astype("float64")
    return numbers.where(np.isfinite(numbers))  # 1e999 is no number that can be kept


def _booleans(text: pd.Series) -> pd.Series:
    return text.str.lower().map(BOOLEANS).astype("boolean")


def _days(text: pd.Series) -> pd.Series:
    import pandas as pd

    readable = text.where(text.str.fullmatch(DAY, na=False))
    return pd.to_datetime(readable, format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")


def _instants(text: pd.Series) -> pd.Series:
    import pandas as pd

    readable = text.where(text.str.fullmatch(INSTANT, na=False))
    to_microseconds = readable.str.replace(r"(\.[0-9]{6})[0-9]+", r"\1", regex=True).str.upper()
    moments = pd.to_datetime(to_microseconds, format="ISO8601", errors="coerce", utc=True)
    return moments.dt.tz_localize(None).astype("datetime64[us]")


_CONVERSIONS: dict[ColumnType, Callable[[pd.Series], pd.Series]] = {
    ColumnType.INTEGER: _whole_numbers,
    ColumnType.NUMBER: _numbers,
    ColumnType.BOOLEAN: _booleans,
    ColumnType.DATE: _days,
    ColumnType.INSTANT: _instants,
}


def _copies(frame: pd.DataFrame) -> pd.Series:
    import pandas as pd

    repeated = frame[frame.duplicated(keep=False)]
    first: dict[tuple[object, ...], int] = {}
    copies: dict[int, int] = {}
    for number, values in zip(repeated.index, repeated.itertuples(index=False, name=None), strict=True):
        content = tuple(None if pd.isna(value) else value for value in values)
        original = first.setdefault(content, number)
        if original != number:
            copies[number] = original
    return pd.Series(copies, index=frame.index, dtype="Int64")
