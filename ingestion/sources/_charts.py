"""What the chart sources share: from the pieces of a ranked list to rows of captures and entries.

Belongs here: how a chart is named, what a capture and its entries are made of, and the checks that hold for
every list (is it fresh, is it the chart that was asked for). Does not belong here: any upstream's format.

Ranks are exact or they are nothing. A piece of a list that cannot be read leaves its rank unknown, so the
capture's `depth` ends before it: further down an absence proves nothing, while ranks that were read stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ingestion.source import Answer, Asking, Broken, Parsed, Row, WrongAnswerError
from ingestion.sources._documents import Document, as_json, plain

CAPTURES = "chart_captures"
ENTRIES = "chart_entries"
TABLES = (CAPTURES, ENTRIES)

DEPTH = 100
"""Apple gives no more, whatever is asked for."""

GENRES = {
    "6000": "business",
    "6005": "social",
    "6007": "productivity",
    "6008": "photo_video",
    "6012": "lifestyle",
    "6013": "health_fitness",
    "6014": "games",
    "6015": "finance",
    "6016": "entertainment",
    "6024": "shopping",
}
"""Apple's genre ids, and what a chart of the genre is called here."""

TITLE_MARKS = {
    "free": ("free", "gratis", "gratuit", "無料", "免費", "免费", "무료"),
    "paid": ("paid", "payant", "pagamento", "de pago", "有料", "付費", "付费", "유료"),
    "grossing": ("grossing", "暢銷", "畅销", "セールス", "매출"),
}
"""How titles of feeds name the kind of a chart. A title in another language names none: the feed's address
decides then."""

MAX_AGE = timedelta(hours=36)
MAX_AHEAD = timedelta(hours=1)
"""How old, or how far ahead of the clock, a list may say that it is."""


class PieceError(Exception):
    """A piece of a list that is no row. The message says why, as a clause."""


@dataclass(frozen=True)
class Capture:
    """One look at one chart. `zone` is that of the store's days; `captured_at` an instant in UTC.

    `series` names what capture ids begin with: the source, and what it read where that is more than one.
    """

    series: str
    store: str
    country: str
    chart: str
    zone: str
    captured_at: datetime
    provider: str
    source_url: str
    publisher: str | None = None

    @property
    def capture_id(self) -> str:
        """The same for the same look, whenever it is parsed again."""
        return f"{self.series}:{self.country}:{self.chart}:{self.captured_at:%Y%m%dT%H%M%SZ}"

    @property
    def place(self) -> Row:
        """The columns that captures and their entries share."""
        return {
            "capture_id": self.capture_id,
            "store": self.store,
            "country": self.country,
            "chart": self.chart,
            "store_date": store_day(self.captured_at, self.zone),
        }


@dataclass(frozen=True)
class Listed:
    """An app at a rank, 1 is the top."""

    rank: int
    store_app_id: str
    app_name: str


# --- asking ---------------------------------------------------------------------------------------


def day_of_now(asking: Asking) -> date | None:
    """Today in UTC, if it is asked for. A live chart has no other day: what it was is not kept."""
    today = asking.now.astimezone(UTC).date()
    return today if asking.window.first <= today <= asking.window.last else None


def labels_of(country: str, chart: str, zone: str) -> dict[str, str]:
    """What a request tells the reader. The zone is kept with the answer, so that its day never changes."""
    return {"country": country, "chart": chart, "zone": zone}


def live_capture(answer: Answer, series: str, store: str, provider: str) -> Capture:
    """The look that an answer of a live chart is: taken when it was fetched."""
    labels = answer.request.labels
    return Capture(
        series=series,
        store=store,
        country=labels["country"],
        chart=labels["chart"],
        zone=labels["zone"],
        captured_at=answer.fetched_at.astimezone(UTC),
        provider=provider,
        source_url=answer.request.url,
    )


def store_day(moment: datetime, zone: str) -> date:
    """The day of the storefront at an instant."""
    return moment.astimezone(ZoneInfo(zone)).date()


# --- a list ---------------------------------------------------------------------------------------


def chart_rows(capture: Capture, pieces: Iterable[object], listed: Callable[[object, int], Listed]) -> Parsed:
    """Rows of a chart's list.

    A piece is an element of the list: `listed` makes an entry of it and its 1-based position, or raises
    PieceError. Pieces in = entries + broken; beside them stands one row for the capture.
    """
    place = capture.place
    entries: dict[int, Row] = {}
    broken: list[Broken] = []
    for position, piece in enumerate(pieces, start=1):
        try:
            app = listed(piece, position)
            if app.rank in entries:
                raise PieceError(f"rank {app.rank} stands twice")
        except PieceError as odd:
            broken.append(Broken(ENTRIES, position, as_json(piece), str(odd)))
            continue
        entries[app.rank] = {
            **place,
            "rank": app.rank,
            "store_app_id": app.store_app_id,
            "platform_id": None,
            "app_name": app.app_name,
        }
    depth = 0
    while depth + 1 in entries:
        depth += 1
    return Parsed({CAPTURES: [_capture_row(capture, depth)], ENTRIES: list(entries.values())}, broken)


def chart_not_there(capture: Capture) -> Parsed:
    """What is told of a chart that its store says has no list, or did not answer for: a look in vain."""
    return Parsed({CAPTURES: [{**_capture_row(capture, 0), "capture_status": "failed"}], ENTRIES: []})


def failed_look(source: str, store: str, provider: str) -> Callable[[Answer], Parsed]:
    """What a live source tells of a look without an answer."""
    return lambda answer: chart_not_there(live_capture(answer, source, store, provider))


def _capture_row(capture: Capture, depth: int) -> Row:
    return {
        **capture.place,
        "captured_at": capture.captured_at,
        "scope": "chart",
        "platform_id": None,
        "depth": depth or None,
        "capture_status": "succeeded",
        "provider": capture.provider,
        "publisher": capture.publisher,
        "published_date": None,
        "source_url": capture.source_url,
        "confidence": "A",
        "note": None,
    }


# --- is it what was asked for ---------------------------------------------------------------------


def check_fresh(updated: datetime, captured_at: datetime, *, is_retriable: bool) -> None:
    """Raises WrongAnswerError for a list that says it is too old, or of a time to come."""
    age = captured_at - updated
    if age > MAX_AGE or age < -MAX_AHEAD:
        said, seen = updated.isoformat(), captured_at.isoformat()
        raise WrongAnswerError(f"The list of {said} was seen at {seen}", is_retriable=is_retriable)


def check_title(title: object, chart: str, *, is_retriable: bool) -> None:
    """Raises WrongAnswerError for a title that names another kind of chart (`top_<kind>_...`)."""
    text = title.casefold() if isinstance(title, str) else ""
    kind = chart.split("_")[1]
    named = {kind for kind, marks in TITLE_MARKS.items() if any(mark in text for mark in marks)}
    if named and kind not in named:
        raise WrongAnswerError(f"The list is another one: its title is {title!r}", is_retriable=is_retriable)


# --- values ---------------------------------------------------------------------------------------


def mapping(value: object) -> Document:
    """`value` if it is an object of JSON, else an empty one: what it should hold is missing then."""
    return value if isinstance(value, dict) else {}


def elements(value: object) -> list[object]:
    """`value` as a list: some upstreams write a list of one as its element, and an empty one not at all."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text_of(value: object, what: str) -> str:
    """A text without the white space around it. Raises PieceError."""
    text = str(plain(value)).strip() if isinstance(value, str) else ""
    if not text:
        raise PieceError(f"{what} is missing or no text")
    return text


def apple_id_of(value: object) -> str:
    """A numeric id of the App Store, given as text or as a number. Raises PieceError."""
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise PieceError(f"the id {as_json(value)[:80]} is not a number")
    return text


def path_of(url: object) -> list[str]:
    """The parts of an address's path; none where it is no address."""
    try:
        return urlsplit(url).path.strip("/").split("/") if isinstance(url, str) else []
    except ValueError:  # a bracket that opens an IPv6 address and does not close it
        return []


def apple_id_in(link: object) -> str | None:
    """The id in a link to an app, `.../id741292507`, if there is one."""
    last = next(reversed(path_of(link)), "")
    digits = last.removeprefix("id")
    return digits if digits != last and digits.isascii() and digits.isdecimal() else None


def agreed_id(said: object, links: Iterable[object]) -> str:
    """The id that an element states, or else its links do. Raises PieceError where they contradict."""
    linked = dict.fromkeys(found for link in links if (found := apple_id_in(link)))
    app_id = apple_id_of(next(iter(linked), None) if said is None else said)
    others = [other for other in linked if other != app_id]
    if others:
        raise PieceError(f"the id is {app_id}, and that of the link {others[0]}")
    return app_id
