"""Apple's older feed (iTunes RSS as JSON): genre charts, top grossing, a second look at the overall charts.

Undocumented; format as recorded from 2015 to 2026. What it does that a reader must know:
every scalar is `{"label": ...}` and numbers are texts; `entry` is an object where there is one app and is
missing where there is none; `link` is an object or a list; a raw newline may stand inside a text; `updated`
is an instant that is written with -07:00 all year; the title is in the storefront's language and names the
genre. `limit=100` often gives 95 to 99, the gaps closed in silence: a list that is shorter still may be off
by as many ranks as it lacks, and is refused. Two looks some two hours apart share 96 to 100 of 100 apps.

A piece is an app of `entry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ingestion.source import (
    MEBIBYTE,
    Answer,
    Asking,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Source,
    WrongAnswerError,
)
from ingestion.sources._charts import (
    DEPTH,
    GENRES,
    TABLES,
    Capture,
    Listed,
    agreed_id,
    chart_not_there,
    chart_rows,
    check_fresh,
    check_title,
    day_of_now,
    elements,
    failed_look,
    labels_of,
    live_capture,
    mapping,
    path_of,
    text_of,
)
from ingestion.sources._documents import Document, as_json, changed, expect_status, json_object
from ingestion.watchlist import Watchlist

UPSTREAM = "Apple's legacy feed"
HOST = "itunes.apple.com"

FEEDS = {
    "topfreeapplications": "free",
    "toppaidapplications": "paid",
    "topgrossingapplications": "grossing",
}
CHARTS = (
    ("topfreeapplications", None),
    ("topfreeapplications", "6005"),
    ("topfreeapplications", "6008"),
    ("topfreeapplications", "6012"),
    ("topfreeapplications", "6016"),
    ("toppaidapplications", None),
    ("topgrossingapplications", None),
)
"""Feed and genre id of what is asked of each storefront. TikTok is in Entertainment, RedNote in Social
Networking, Lemon8 in Lifestyle, Instagram in Photo & Video."""

GENRE_NAMES = {
    "Business": "6000",
    "Social Networking": "6005",
    "Productivity": "6007",
    "Photo & Video": "6008",
    "Lifestyle": "6012",
    "Health & Fitness": "6013",
    "Games": "6014",
    "Finance": "6015",
    "Entertainment": "6016",
    "Shopping": "6024",
}
"""How an English title ends: `iTunes Store: Top Free Applications in Finance`."""

SHORTEST = 95
"""Percent of what was asked for that must come."""
GENRE_SHARE = 0.5
"""Of a genre chart, how many apps must be of the genre; in all recorded ones all are."""


@dataclass(frozen=True)
class Address:
    """What an address of this upstream asks for; `genre` is an id, or None for all."""

    country: str
    feed: str
    genre: str | None
    limit: int

    @property
    def chart(self) -> str | None:
        """The chart's name here, if it is one that has a name."""
        genre = "overall" if self.genre is None else GENRES.get(self.genre)
        return f"top_{FEEDS[self.feed]}_{genre}" if genre and self.feed in FEEDS else None


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """A request a storefront and chart, if today is asked for."""
    day = day_of_now(asking)
    if day is None:
        return
    yield [
        Request(
            url=url,
            kind=Kind.JSON,
            day=day,
            labels=labels_of(country, chart, zone),
            max_bytes=8 * MEBIBYTE,
            max_unpacked_bytes=32 * MEBIBYTE,
        )
        for country, zone in asking.watchlist.storefronts.items()
        for url, chart in (_asked(country, feed, genre) for feed, genre in CHARTS)
    ]


def _asked(country: str, feed: str, genre: str | None) -> tuple[str, str]:
    """The address of a chart, and its name."""
    of_genre = "" if genre is None else f"genre={genre}/"
    url = f"https://{HOST}/{country.lower()}/rss/{feed}/limit={DEPTH}/{of_genre}json"
    return url, f"top_{FEEDS[feed]}_{'overall' if genre is None else GENRES[genre]}"


def address_of(url: object) -> Address | None:
    """What an address of this upstream asks for, if it is one that answers in JSON."""
    match path_of(url):
        case [country, "rss", feed, *options, "json"]:
            given = dict(option.split("=", 1) for option in options if "=" in option)
            limit = given.get("limit", "")
            is_number = limit.isascii() and limit.isdecimal() and len(limit) < 6
            return Address(country.upper(), feed, given.get("genre"), int(limit) if is_number else 0)
    return None


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """The chart as it was when it was fetched."""
    expect_status(answer, UPSTREAM)
    capture = live_capture(answer, SOURCE.name, "app_store", "Apple")
    return legacy_chart(json_object(answer, UPSTREAM, strict=False), answer.request.url, capture)


def legacy_chart(document: Document, asked: str, capture: Capture, *, is_live: bool = True) -> Parsed:
    """Rows of a feed that was asked for at the address `asked`.

    A genre chart that has no app is told as a look without a result. Raises WrongAnswerError.
    """
    feed = document.get("feed")
    address = address_of(asked)
    if not isinstance(feed, dict) or address is None:
        return changed(UPSTREAM, "there is no `feed`")
    _check_identity(feed, address, capture.chart, is_live=is_live)
    check_fresh(_updated(feed), capture.captured_at, is_retriable=is_live)
    entries = elements(feed.get("entry"))
    if not entries and address.genre is not None:
        return chart_not_there(capture)
    if not entries or 100 * len(entries) < SHORTEST * address.limit:
        raise WrongAnswerError(
            f"{UPSTREAM} sends {len(entries)} apps where {address.limit} were asked for: ranks may be off",
            is_retriable=is_live,
        )
    _check_genre(entries, address.genre, is_live=is_live)
    return chart_rows(capture, entries, _listed)


def _check_identity(feed: Document, asked: Address, chart: str, *, is_live: bool) -> None:
    """Raises WrongAnswerError where the feed's own address or title is that of another chart."""
    said = _label(feed.get("id"))
    found = address_of(said)
    if found is None:
        changed(UPSTREAM, f"its id is {as_json(said)}")
    if (found.country, found.feed, found.genre) != (asked.country, asked.feed, asked.genre):
        raise WrongAnswerError(f"{UPSTREAM} sends another list: its id is {said}", is_retriable=is_live)
    title = _label(feed.get("title"))
    check_title(title, chart, is_retriable=is_live)
    named = title.rpartition(" in ")[2] if isinstance(title, str) else ""
    if GENRE_NAMES.get(named, asked.genre) != asked.genre:
        raise WrongAnswerError(f"{UPSTREAM} sends another list: its title is {title}", is_retriable=is_live)


def _check_genre(entries: list[object], genre: str | None, *, is_live: bool) -> None:
    """Raises WrongAnswerError where a genre chart is mostly of other genres, in whatever language."""
    given = [mapping(mapping(mapping(entry).get("category")).get("attributes")) for entry in entries]
    known = [str(attributes["im:id"]) for attributes in given if attributes.get("im:id")]
    if genre is not None and known and known.count(genre) < GENRE_SHARE * len(known):
        raise WrongAnswerError(
            f"{UPSTREAM} sends another list: {known.count(genre)} of {len(known)} apps are of genre {genre}",
            is_retriable=is_live,
        )


def _updated(feed: Document) -> datetime:
    """When the list was made, such as `2018-01-09T19:59:03-07:00`: an instant, whatever the season."""
    said = _label(feed.get("updated"))
    try:
        updated = datetime.fromisoformat(said) if isinstance(said, str) else None
        if updated is not None and updated.tzinfo is not None:
            return updated.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: at the end of time
        updated = None
    return changed(UPSTREAM, f"`updated` is {as_json(said)}")


def _listed(piece: object, position: int) -> Listed:
    app = mapping(piece)
    identity = mapping(app.get("id"))
    links = [mapping(mapping(link).get("attributes")).get("href") for link in elements(app.get("link"))]
    app_id = agreed_id(mapping(identity.get("attributes")).get("im:id"), [identity.get("label"), *links])
    return Listed(position, app_id, text_of(_label(app.get("im:name")), "the name"))


def _label(value: object) -> object:
    return mapping(value).get("label")


SOURCE = Source(
    name="apple_legacy_feed",
    group="charts",
    description="Genre charts and top grossing of the App Store, and a second look at the overall charts.",
    tables=TABLES,
    hosts=(HOST,),
    pace=Pace(requests_per_minute=30, seconds_between=1.0),
    day_zone="UTC",
    ask=ask,
    read=read,
    failed_look=failed_look("apple_legacy_feed", "app_store", "Apple"),
)
