"""Keeps what was not let into the lake, with the reason.

Belongs here: the files `quarantine/<table>/<load id>.parquet` (rows) and `.json` (batches held back as a
whole). Does not belong here: what is kept out (`ingestion.checks`, `ingestion.load`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.archive import Receipt
from ingestion.effects import ensure_folder, remove_durably, replace_durably, write_durably
from ingestion.readers import Rows
from ingestion.settings import Home
from ingestion.sql import connection, copy_to, temporary_for

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class QuarantinedRow:
    """Why a row is out, and what was given: a JSON object, or a list where it did not fit the columns."""

    row_number: int
    reasons: tuple[str, ...]
    row: str


def quarantined_rows(rows: Rows, reasons_by_row: Mapping[int, Sequence[str]]) -> list[QuarantinedRow]:
    """The rows of `rows` that have reasons, by row number, with what was given for each."""
    out = [QuarantinedRow(b.row_number, tuple(reasons_by_row[b.row_number]), b.text) for b in rows.broken]
    broken = {row.row_number for row in out}
    numbers = [number for number in reasons_by_row if number not in broken]
    texts = rows_as_json(rows.frame, numbers)
    out += [QuarantinedRow(n, tuple(reasons_by_row[n]), text) for n, text in zip(numbers, texts, strict=True)]
    return sorted(out, key=lambda row: row.row_number)


def rows_as_json(frame: pd.DataFrame, numbers: Sequence[int]) -> list[str]:
    """Rows of a frame of text, each as a JSON object; NULL where nothing was given."""
    given = frame.loc[list(numbers)].astype(object)
    records = given.where(given.notna(), None).to_dict(orient="records")
    return [json.dumps(record, ensure_ascii=False) for record in records]


def write_rows(home: Home, receipt: Receipt, rows: Sequence[QuarantinedRow]) -> None:
    """Writes the rows of a load; without any, removes what an earlier check of the same load wrote."""
    final = rows_path(home, receipt.table_name, receipt.load_id)
    if not rows:
        remove_durably(final)
        return
    import pandas as pd

    frame = pd.DataFrame(
        {
            "row_number": pd.Series([row.row_number for row in rows], dtype="int64"),
            "reasons": pd.Series([json.dumps(row.reasons) for row in rows], dtype="str"),
            "row": pd.Series([row.row for row in rows], dtype="str"),
        }
    )
    ensure_folder(final.parent)
    temporary = temporary_for(final, "load")
    with connection() as con:
        con.register("quarantined", frame)
        con.execute(
            "CREATE TEMP TABLE labelled AS SELECT $load_id AS load_id, $source AS source, "
            "$file_name AS file_name, row_number, CAST(CAST(reasons AS JSON) AS VARCHAR[]) AS reasons, "
            '"row" FROM quarantined',
            {"load_id": receipt.load_id, "source": receipt.source, "file_name": receipt.file_name},
        )
        copy_to(con, "FROM labelled ORDER BY row_number", temporary)
    replace_durably(temporary, final)


def write_batch(home: Home, receipt: Receipt, rows_in: int, reason: str | None) -> None:
    """Writes down that a batch is held back, and where its bytes are; without a reason, removes the note."""
    final = batch_path(home, receipt.table_name, receipt.load_id)
    if reason is None:
        remove_durably(final)
        return
    note = {
        "load_id": receipt.load_id,
        "source": receipt.source,
        "table_name": receipt.table_name,
        "file_name": receipt.file_name,
        "digest": receipt.digest,
        "received_at": receipt.received_at.isoformat(),
        "rows_in": rows_in,
        "reason": reason,
    }
    write_durably(final, (json.dumps(note, indent=2, ensure_ascii=False) + "\n").encode())


def rows_path(home: Home, table_name: str, load_id: str) -> Path:
    """Columns: load_id, source, file_name, row_number, reasons (list of text), row (JSON text)."""
    return home.quarantine / table_name / f"{load_id}.parquet"


def batch_path(home: Home, table_name: str, load_id: str) -> Path:
    """The note of a batch that is held back."""
    return home.quarantine / table_name / f"{load_id}.json"
