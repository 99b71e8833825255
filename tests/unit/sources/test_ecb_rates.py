"""ECB reference rates: the recorded history, the two XML files, and archives that are no archives."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.settings import CASES, WATCHLIST
from ingestion.source import Answer, Asking, Kind, Parsed, Request, Row, Window, WrongAnswerError
from ingestion.sources.ecb_rates import SOURCE, TABLE
from ingestion.watchlist import parse_watchlist
from tests._support.answers import answer_of
from tests._support.damage import damaged_bytes
from tests._support.upstreams import ecb_rates as upstream

DAY = date
FOLDER = "https://www.ecb.europa.eu/stats/eurofxref"
WATCHED = parse_watchlist(WATCHLIST.read_bytes())

XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>
    <Cube time="2025-01-14"><Cube currency="USD" rate="1.0245"/><Cube currency="JPY" rate="161.91"/></Cube>
    <Cube time="2025-01-13"><Cube currency="USD" rate="1.0198"/></Cube>
  </Cube>
</gesmes:Envelope>
"""
ENTITY_BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE Envelope [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>
<Envelope><Cube time="2025-01-13">&c;</Cube></Envelope>
"""


def zipped(text: str | bytes, name: str = "eurofxref-hist.csv", *more: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in (name, *more):
            archive.writestr(each, text)
    return content.getvalue()


def read(content: bytes, folder: Path, kind: Kind = Kind.ZIP) -> Parsed:
    request = Request(f"{FOLDER}/file", kind, DAY(2025, 1, 14))
    return SOURCE.read(answer_of(request, content, folder=folder), WATCHED)


def told(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    return [(row["rate_date"], row["quote_currency"], row["rate"]) for row in rows]


# --- the recorded history -------------------------------------------------------------------------


def test_every_cell_of_the_recorded_history_is_a_rate_or_says_that_there_was_none(
    shared: Path, tmp_path: Path
) -> None:
    content = (shared / "recordings" / "finance" / "ecb" / "eurofxref-hist.zip").read_bytes()
    parsed = read(content, tmp_path)
    rows = parsed.rows[TABLE]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        header, *lines = csv.reader(io.StringIO(archive.read("eurofxref-hist.csv").decode()))
    assert (header[0], header[-1]) == ("Date", "")
    without = sum(line.count("N/A") for line in lines)
    assert (len(lines), len(header) - 2, without) == (7126, 41, 70_464)
    assert (len(rows), len(parsed.broken)) == (7126 * 41 - without, 0) == (221_702, 0)
    assert told([rows[0], rows[-1]]) == [("2026-10-30", "USD", 1.1172), ("1999-01-04", "ZAR", 6.9358)]
    assert {row["base_currency"] for row in rows} == {"EUR"}

    days = {row["rate_date"] for row in rows}
    assert not {"2024-12-25", "2024-12-26", "2025-01-01", "2025-01-18", "2025-01-19"} & days
    assert {"2024-12-24", "2024-12-27", "2025-01-09", "2025-01-20"} <= days  # open where New York is not
    last_of = {str(row["quote_currency"]): row["rate_date"] for row in reversed(rows)}
    assert {name: last_of[name] for name in ("RUB", "HRK", "BGN")} == {
        "RUB": "2022-03-01",
        "HRK": "2022-12-30",
        "BGN": "2025-12-31",
    }
    assert case_rates() <= set(told(rows))


def case_rates() -> set[tuple[object, ...]]:
    with (CASES / "january_2025" / "fx_rates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 310
    return {(row["rate_date"], row["quote_currency"], float(row["rate"])) for row in rows}


# --- the table ------------------------------------------------------------------------------------


def test_spaces_and_written_months_are_read_too(tmp_path: Path) -> None:
    """So the CSV of the last fixing is written."""
    text = "Date, USD, JPY, BGN, \n30 October 2026, 1.1172, 175.68, N/A, \n"
    assert told(read(zipped(text), tmp_path).rows[TABLE]) == [
        ("2026-10-30", "USD", 1.1172),
        ("2026-10-30", "JPY", 175.68),
    ]


def test_what_is_no_rate_is_left_to_the_check_and_a_narrow_line_is_kept_aside(tmp_path: Path) -> None:
    text = "Date,USD,JPY,\nsoon,1.0198,inf,\n2025-01-13,1.0198\n2025-01-10,?,161.27,7\n"
    parsed = read(zipped(text), tmp_path)
    assert told(parsed.rows[TABLE]) == [
        ("soon", "USD", 1.0198),
        ("soon", "JPY", "inf"),
        ("2025-01-10", "USD", "?"),
        ("2025-01-10", "JPY", 161.27),
        ("2025-01-10", None, 7.0),
    ]
    (piece,) = parsed.broken
    assert (piece.position, piece.text) == (3, "2025-01-13,1.0198")
    assert piece.reason == "the line has 2 cells, the header 4"


def test_a_currency_more_or_less_changes_nothing_else(tmp_path: Path) -> None:
    assert told(read(zipped("Date,XXX,USD,\n2025-01-13,3,1.0198,\n"), tmp_path).rows[TABLE]) == [
        ("2025-01-13", "XXX", 3.0),
        ("2025-01-13", "USD", 1.0198),
    ]
    assert read(zipped("Date,\n2025-01-13,\n"), tmp_path) == Parsed({TABLE: []}, [])


# --- the XML --------------------------------------------------------------------------------------


def test_every_cube_with_a_rate_is_a_row(tmp_path: Path) -> None:
    parsed = read(XML, tmp_path, Kind.XML)
    assert parsed.rows[TABLE][0] == {
        "provider": "ecb",
        "base_currency": "EUR",
        "quote_currency": "USD",
        "rate_date": "2025-01-14",
        "rate": 1.0245,
        "source_url": f"{FOLDER}/file",
    }
    assert told(parsed.rows[TABLE][1:]) == [("2025-01-14", "JPY", 161.91), ("2025-01-13", "USD", 1.0198)]
    assert not parsed.broken


def test_odd_cubes_are_kept_aside_or_left_to_the_check(tmp_path: Path) -> None:
    odd = b'<Cube currency="JPY"/><Cube/><Cube rate="3"/><Cube currency="GBP" rate="?"/>'
    parsed = read(XML.replace(b'<Cube currency="JPY" rate="161.91"/>', odd), tmp_path, Kind.XML)
    assert told(parsed.rows[TABLE]) == [
        ("2025-01-14", "USD", 1.0245),
        ("2025-01-14", None, 3.0),
        ("2025-01-14", "GBP", "?"),
        ("2025-01-13", "USD", 1.0198),
    ]
    assert [(piece.position, piece.text) for piece in parsed.broken] == [(2, "{}")]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said", "is_retriable"),
    [
        (b"", "truncated or malformed XML", True),
        (XML[:-40], "truncated or malformed XML", True),
        (XML.replace(b"UTF-8", b"UTF-9"), "truncated or malformed XML", True),
        (b"<!DOCTYPE html>\n<html><body>Service unavailable</body></html>", "a web page", True),
        (ENTITY_BOMB, "a type definition", False),
        (b"<rss><channel/></rss>", "is a <rss>", False),
        (b"<Envelope><Cube/></Envelope>", "names no day", False),
    ],
)
def test_wrong_xml_is_refused_with_a_sentence(
    content: bytes, said: str, is_retriable: bool, tmp_path: Path
) -> None:
    with pytest.raises(WrongAnswerError, match=said) as refused:
        read(content, tmp_path, Kind.XML)
    assert refused.value.is_retriable is is_retriable


@pytest.mark.parametrize(
    ("content", "said", "is_retriable"),
    [
        (b"", "no readable zip archive", True),
        (b"<html>Service unavailable</html>", "no readable zip archive", True),
        (zipped("Date,USD,\n2025-01-13,1.0198,\n")[:-30], "no readable zip archive", True),
        (zipped("Date,USD,\n", "a.csv", "b.csv"), "holds 2 CSV files", False),
        (zipped("Date,USD,\n", "readme.txt"), "holds 0 CSV files", False),
        (zipped("Currency,Date\nUSD,2025-01-13\n"), "the table begins with 'Currency,Date", False),
        (zipped(""), "the table begins with ''", False),
        (zipped("Date,\xa3\n".encode("latin-1")), "not UTF-8", False),
    ],
)
def test_wrong_archives_are_refused_with_a_sentence(
    content: bytes, said: str, is_retriable: bool, tmp_path: Path
) -> None:
    with pytest.raises(WrongAnswerError, match=said) as refused:
        read(content, tmp_path)
    assert refused.value.is_retriable is is_retriable


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    """Forty megabytes in forty kilobytes; and one that lies about its size."""
    bomb = zipped(b"0" * (40 * 1024 * 1024))
    assert len(bomb) < 50_000
    honest_size = struct.pack("<I", 40 * 1024 * 1024)
    for content in (bomb, bomb.replace(honest_size, struct.pack("<I", 10))):
        with pytest.raises(WrongAnswerError):
            read(content, tmp_path)


# --- what is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "name", "kind"),
    [
        (DAY(2026, 11, 23), "eurofxref-hist-90d.xml", Kind.XML),
        (DAY(2026, 8, 30), "eurofxref-hist-90d.xml", Kind.XML),
        (DAY(2026, 8, 29), "eurofxref-hist.zip", Kind.ZIP),
        (DAY(1999, 1, 4), "eurofxref-hist.zip", Kind.ZIP),
    ],
)
def test_the_file_that_holds_the_window_is_asked(first: date, name: str, kind: Kind, tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, 18, tzinfo=UTC)
    ((request,),) = SOURCE.ask(Asking(Window(first, DAY(2026, 11, 23)), WATCHED, now))
    assert (request.url, request.kind, request.day) == (f"{FOLDER}/{name}", kind, DAY(2026, 11, 23))
    parsed = SOURCE.read(answer_of(request, upstream.answer(request), folder=tmp_path), WATCHED)
    assert len(parsed.rows[TABLE]) >= 30
    assert not parsed.broken
    keys = told(parsed.rows[TABLE])
    assert len({key[:2] for key in keys}) == len(keys)


# --- hostile input --------------------------------------------------------------------------------

LINES = "Date,USD,JPY,\n2025-01-14,1.0245,161.91,\n2025-01-13,1.0198,N/A,\n"


def held(answer: Answer) -> Parsed | None:
    """What is read, of which every value can be stored; None where the answer is refused."""
    try:
        parsed = SOURCE.read(answer, WATCHED)
    except WrongAnswerError:
        return None
    for row in parsed.rows[TABLE]:
        "".join(map(str, row.values())).encode()
    return parsed


@given(content=damaged_bytes(zipped(LINES)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_gives_all_its_rates_or_none(content: bytes, tmp_path: Path) -> None:
    request = Request(f"{FOLDER}/file", Kind.ZIP, DAY(2025, 1, 14))
    parsed = held(answer_of(request, content, folder=tmp_path))
    assert parsed is None or len(parsed.rows[TABLE]) == 3


@given(text=damaged_bytes(LINES.encode()))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_table_gives_rates_or_is_refused(text: bytes, tmp_path: Path) -> None:
    request = Request(f"{FOLDER}/file", Kind.ZIP, DAY(2025, 1, 14))
    held(answer_of(request, zipped(text), folder=tmp_path))


@given(content=damaged_bytes(XML))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_xml_gives_rates_or_is_refused(content: bytes, tmp_path: Path) -> None:
    request = Request(f"{FOLDER}/file", Kind.XML, DAY(2025, 1, 14))
    held(answer_of(request, content, folder=tmp_path))
