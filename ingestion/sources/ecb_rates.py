"""Euro reference rates of the European Central Bank: what one euro costs, each TARGET working day.

Free and without a key. Files with the same content: the last fixing and the last 90 days (XML), and all since
4 January 1999 (zipped CSV, newest first, with a comma and so an empty column at the end of each line). The 90
days are asked where they hold the window, since they also heal what was missed, and the history where not.
Days without a fixing (weekends, TARGET holidays) are in none of them. A fixing is published at about 16:00
Frankfurt time and not revised.

A piece is a rate: a day and a currency with something in it. `N/A` (a currency that is retired, suspended or
not yet quoted) and an empty cell say that there was no fixing, and are no pieces. A line of the CSV that is
not as wide as its header is one broken piece: its cells cannot be told apart.
"""

from __future__ import annotations

import csv
import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingestion.source import (
    MEBIBYTE,
    Answer,
    Asking,
    Broken,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Row,
    Source,
    WrongAnswerError,
)
from ingestion.sources._documents import KEPT, changed, expect_status, start_of
from ingestion.watchlist import Watchlist

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

UPSTREAM = "The ECB"
TABLE = "fx_rates"
HOST = "www.ecb.europa.eu"
FOLDER = f"https://{HOST}/stats/eurofxref"

LAST_90_DAYS, HISTORY = "eurofxref-hist-90d.xml", "eurofxref-hist.zip"
DAYS_IN_90_DAYS = 85
"""How far back the file of 90 days is trusted to reach."""
MAX_CSV_BYTES = 32 * MEBIBYTE
NO_FIXING = frozenset({"", "N/A"})


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """The file that holds the window; it lands on the window's last day."""
    days_back = (asking.now.astimezone(UTC).date() - asking.window.first).days
    name, kind = (LAST_90_DAYS, Kind.XML) if days_back <= DAYS_IN_90_DAYS else (HISTORY, Kind.ZIP)
    yield [
        Request(
            url=f"{FOLDER}/{name}",
            kind=kind,
            day=asking.window.last,
            max_bytes=8 * MEBIBYTE,
            max_unpacked_bytes=MAX_CSV_BYTES,
        )
    ]


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """All rates of a file, as euro to currency."""
    expect_status(answer, UPSTREAM)
    if answer.request.kind is Kind.ZIP:
        return _rates_of_table(_csv_of(answer), answer.request.url)
    return _rates_of_xml(_xml_of(answer), answer.request.url)


def _rate(url: str, day: str | None, currency: str | None, rate: str) -> Row:
    return {
        "provider": "ecb",
        "base_currency": "EUR",
        "quote_currency": currency or None,
        "rate_date": day,
        "rate": _number(rate),
        "source_url": url,
    }


def _iso_day(text: str) -> str:
    """Days are ISO in the history and `30 October 2026` in the CSV of the last fixing."""
    try:
        return datetime.strptime(text, "%d %B %Y").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return text


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


# --- the zipped CSV -------------------------------------------------------------------------------


def _csv_of(answer: Answer) -> str:
    """The one CSV file of the archive, unpacked up to a limit."""
    try:
        with zipfile.ZipFile(answer.path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if len(names) != 1:
                changed(UPSTREAM, f"the archive holds {len(names)} CSV files, not one")
            with archive.open(names[0]) as file:
                content = file.read(MAX_CSV_BYTES + 1)
    except _BAD_ARCHIVE as problem:
        raise WrongAnswerError(
            f"The ECB sends no readable zip archive: {start_of(str(problem))}", is_retriable=True
        ) from None
    if len(content) > MAX_CSV_BYTES:
        raise WrongAnswerError(
            f"The ECB's archive unpacks to more than {MAX_CSV_BYTES} bytes", is_retriable=False
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        changed(UPSTREAM, "the table is not UTF-8")


_BAD_ARCHIVE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError,
    NotImplementedError, RuntimeError, ValueError,
)  # fmt: skip
"""What the standard library raises for archives that are cut, scrambled, locked or packed in another way."""


def _rates_of_table(text: str, url: str) -> Parsed:
    lines = csv.reader(io.StringIO(text))
    rows: list[Row] = []
    broken: list[Broken] = []
    try:
        header = [cell.strip() for cell in next(lines, [])]
        if header[:1] != ["Date"]:
            changed(UPSTREAM, f"the table begins with {start_of(text)!r}")
        for line in lines:
            if len(line) != len(header):
                position = len(rows) + len(broken) + 1
                reason = f"the line has {len(line)} cells, the header {len(header)}"
                broken.append(Broken(TABLE, position, ",".join(line)[:KEPT], reason))
                continue
            day, *cells = (cell.strip() for cell in line)
            found, iso_day = zip(header[1:], cells, strict=True), _iso_day(day)
            rows += [_rate(url, iso_day, currency, cell) for currency, cell in found if cell not in NO_FIXING]
    except csv.Error as problem:
        changed(UPSTREAM, f"the table is no CSV ({start_of(str(problem))})")
    return Parsed({TABLE: rows}, broken)


# --- the XML --------------------------------------------------------------------------------------


def _xml_of(answer: Answer) -> Element:
    """The root of the document. Documents with a type definition, and so with entities, are refused."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    content = answer.content()
    if b"<html" in content[:2000].lower():
        raise WrongAnswerError("The ECB sends a web page in place of XML", is_retriable=True)
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise WrongAnswerError(
            "The ECB sends XML with a type definition, which it never has", is_retriable=False
        ) from None
    except (ParseError, ValueError, LookupError) as problem:  # LookupError: an encoding that nobody knows
        raise WrongAnswerError(
            f"The ECB sends truncated or malformed XML ({start_of(str(problem))})", is_retriable=True
        ) from None
    if _name(root) != "Envelope":
        changed(UPSTREAM, f"the document is a <{start_of(_name(root))}>, not an <Envelope>")
    return root


def _rates_of_xml(root: Element, url: str) -> Parsed:
    rows: list[Row] = []
    broken: list[Broken] = []
    days = 0
    for day, cubes in _days(root):
        days += 1
        for cube in cubes:
            currency, rate = cube.get("currency"), (cube.get("rate") or "").strip()
            if currency is None and not rate:
                position = len(rows) + len(broken) + 1
                reason = f"neither a currency nor a rate for {day}"
                broken.append(Broken(TABLE, position, str(cube.attrib)[:KEPT], reason))
            elif rate not in NO_FIXING:
                rows.append(_rate(url, day, currency, rate))
    if not days:
        changed(UPSTREAM, "the document names no day")
    return Parsed({TABLE: rows}, broken)


def _days(root: Element) -> Iterator[tuple[str | None, list[Element]]]:
    """Each `<Cube time=...>` with the cubes in it."""
    for cube in root.iter():
        if _name(cube) == "Cube" and "time" in cube.attrib:
            yield cube.get("time"), list(cube)


def _name(element: Element) -> str:
    """The tag without its namespace."""
    return str(element.tag).rpartition("}")[2]


SOURCE = Source(
    name="ecb_rates",
    group="finance",
    description="Euro reference rates of the European Central Bank, since 1999.",
    tables=(TABLE,),
    hosts=(HOST,),
    pace=Pace(requests_per_minute=10, at_once=1),
    day_zone="UTC",
    ask=ask,
    read=read,
)
