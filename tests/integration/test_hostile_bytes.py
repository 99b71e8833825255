"""Whatever the bytes are: no row is lost, and nothing is raised that has not a name."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.archive import Format
from ingestion.conform import conform
from ingestion.errors import UnreadableInputError
from ingestion.lake import count_rows
from ingestion.loads import read_loads
from ingestion.readers import read
from ingestion.settings import Home
from ingestion.tables import RAW_TABLES
from tests._support.loading import ENTRY, NOON, Ticking, drop, receive_and_load

TABLE = RAW_TABLES["chart_entries"]
CELLS = st.one_of(
    st.sampled_from(
        [*ENTRY.values(), "", " ", "0", "-1", "1e9", "nan", "2025-02-30", "1970-01-01", "=1+1", "9" * 30]
    ),
    st.text(max_size=12),
)
ROWS = st.lists(
    st.one_of(
        st.just(list(ENTRY.values())),
        st.lists(CELLS, min_size=len(ENTRY), max_size=len(ENTRY)),
        st.lists(CELLS, max_size=len(ENTRY) + 2),
    ),
    max_size=8,
)


def as_csv(rows: list[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(ENTRY)
    writer.writerows(rows)
    return out.getvalue()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.text(max_size=200).map(lambda text: (",".join(ENTRY) + "\n" + text).encode("utf-8", "replace")),
        ROWS.map(lambda rows: as_csv(rows).encode("utf-8", "replace")),
        st.tuples(st.sampled_from([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]), st.binary()).map(b"".join),
    ),
    format=st.sampled_from([Format.CSV, Format.JSON_LINES]),
)
def test_any_bytes_are_rows_or_an_error_that_says_why(tmp_path: Path, content: bytes, format: Format) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    try:
        rows = read(path, format, TABLE, "chart_entries.csv")
    except UnreadableInputError as error:
        assert error.problem
        assert error.remedy
        return
    frame = conform(rows, TABLE, NOON)
    assert len(frame) + len(rows.broken) == rows.count
    numbers = [*frame.index, *(row.row_number for row in rows.broken)]
    assert len(set(numbers)) == len(numbers)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_any_bytes_are_parquet_or_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"PAR1" + content + b"PAR1")
    with pytest.raises(UnreadableInputError):
        read(path, Format.PARQUET, TABLE, "chart_entries.parquet")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_rows_in_are_rows_published_and_rows_in_quarantine(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    home = Home(tmp_path_factory.mktemp("any") / "home")
    drop(home, "chart_entries.csv", as_csv(rows).encode("utf-8", "replace"))
    (result,) = receive_and_load(home, "chart_entries", clock=Ticking())
    record = result.record
    assert record.verdict in {"published", "published_with_quarantine", "held"}
    assert record.rows_in == record.rows_published + record.rows_quarantined
    assert count_rows(home, TABLE) == record.rows_published
    assert read_loads(home) == [record]
