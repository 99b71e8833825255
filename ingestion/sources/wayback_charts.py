"""The App Store's charts as the Internet Archive kept them: history that Apple does not keep.

Asked on demand, for days of the past. First the index (CDX) says which captures there are: of both feeds of
Apple and of its chart pages, for each watched storefront. Then each is played back as it was received
(`id_` behind the timestamp), and read as the live feed or page is. When it was captured is when the chart
was seen: `captured_at` is the Memento's instant, not the moment of the playback.

The index, as recorded: seven columns, separated by blanks; duplicates and http/https twins within a second
are normal; a revisit (`warc/revisit`, status `-`) is a capture whose bytes were seen before. A page that is
not the last ends in an empty line and a key, which goes back encoded once more. A blocked address is answered
with the text of a Java exception. Limits: index 30 requests a minute (agreed with its maintainers: 24), 60
seconds of rest after a 429.

The index brings no rows: its pieces are its lines, and those that cannot be read are broken. A piece of a
playback is an app of the list. Archived XML feeds are not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

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
    Source,
    Window,
    WrongAnswerError,
)
from ingestion.sources import apple_legacy_feed, apple_marketing_feed
from ingestion.sources._apple_chart_page import page_address, page_chart
from ingestion.sources._charts import CAPTURES, TABLES, Capture, labels_of, path_of
from ingestion.sources._documents import changed, expect_status, json_object, start_of
from ingestion.watchlist import Watchlist

INDEX = "The Wayback Machine's index"
UPSTREAM = "The Wayback Machine"
HOST = "web.archive.org"

ADDRESSES = (
    f"{apple_marketing_feed.OLD_HOST}/api/v2/{{country}}/apps/top-",
    f"{apple_marketing_feed.HOST}/api/v2/{{country}}/apps/top-",
    f"{apple_legacy_feed.HOST}/{{country}}/rss/topfreeapplications/",
    f"{apple_legacy_feed.HOST}/{{country}}/rss/toppaidapplications/",
    f"{apple_legacy_feed.HOST}/{{country}}/rss/topgrossingapplications/",
    "apps.apple.com/{country}/charts/iphone/",
)
"""What the addresses of charts begin with."""

MARKETING, LEGACY, PAGE = "apple_marketing_feed", "apple_legacy_feed", "apple_chart_page"

PAGE_OF_INDEX = 1000
"""Lines of the index that are asked for at a time."""
COLUMNS = 7
TIMESTAMP = "%Y%m%d%H%M%S"
BLOCKED = "AdministrativeAccessControlException"
PLAYBACKS = 100
"""How many captures are asked for at a time."""


@dataclass(frozen=True)
class Memento:
    """A capture of a chart: which of Apple's forms it has, and how deep its address says that it is."""

    form: str
    country: str
    chart: str
    depth: int
    captured_at: datetime
    original: str


@dataclass(frozen=True)
class IndexPage:
    """Captures in order, lines that cannot be read, and the key of the next page, if there is one."""

    lines: tuple[tuple[datetime, str, str], ...]
    broken: tuple[Broken, ...]
    resume_key: str | None


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """The index, page by page, then the captures that it lists: of each chart the first of an hour."""
    zones = asking.watchlist.storefronts
    asked = [
        _index_request(address.format(country=country.lower()), asking.window)
        for country in zones
        for address in ADDRESSES
    ]
    mementos: list[Memento] = []
    keys: set[tuple[str, str]] = set()
    while asked:
        answers = yield asked
        following: list[Request] = []
        for request, answer in zip(asked, answers, strict=True):
            page = _listed_in(answer)
            mementos += _mementos(page, zones)
            prefix, key = request.labels["prefix"], page.resume_key
            if key is not None and (prefix, key) not in keys:
                keys.add((prefix, key))
                following.append(_index_request(prefix, asking.window, key))
        asked = following
    playbacks = [_playback(memento, zones[memento.country]) for memento in _one_an_hour(mementos)]
    for start in range(0, len(playbacks), PLAYBACKS):
        yield playbacks[start : start + PLAYBACKS]


def _index_request(prefix: str, window: Window, resume_key: str | None = None) -> Request:
    asked = {
        "url": prefix,
        "matchType": "prefix",
        "from": f"{window.first:%Y%m%d}000000",
        "to": f"{window.last:%Y%m%d}235959",
        "limit": str(PAGE_OF_INDEX),
        "showResumeKey": "true",
    }
    key = {} if resume_key is None else {"resumeKey": resume_key}
    return Request(
        url=f"https://{HOST}/cdx/search/cdx?{urlencode({**asked, **key})}",
        kind=Kind.TEXT,
        day=window.first,
        labels={"prefix": prefix},
        max_bytes=4 * MEBIBYTE,
        max_unpacked_bytes=16 * MEBIBYTE,
    )


def _listed_in(answer: Answer | None) -> IndexPage:
    """What a page of the index lists. One that failed, or is no index, lists nothing: its reader says so."""
    if answer is not None:
        try:
            return index_page(answer.content())
        except WrongAnswerError:
            return IndexPage((), (), None)
    return IndexPage((), (), None)


def _playback(memento: Memento, zone: str) -> Request:
    stamp = f"{memento.captured_at:{TIMESTAMP}}"
    return Request(
        url=f"https://{HOST}/web/{stamp}id_/{memento.original}",
        kind=Kind.HTML if memento.form == PAGE else Kind.JSON,
        day=memento.captured_at.date(),
        labels={
            **labels_of(memento.country, memento.chart, zone),
            "form": memento.form,
            "timestamp": stamp,
            "original": memento.original,
        },
        max_bytes=8 * MEBIBYTE,
        max_unpacked_bytes=32 * MEBIBYTE,
    )


# --- what the index says --------------------------------------------------------------------------


def index_page(content: bytes) -> IndexPage:
    """A page of the index. Raises WrongAnswerError."""
    text = content.decode("utf-8", "replace")
    if BLOCKED in text:
        raise WrongAnswerError(f"{INDEX} does not give out this address: it is blocked", is_retriable=False)
    if text.lstrip().startswith("<") or "Exception" in text.partition("\n")[0]:
        raise WrongAnswerError(f"{INDEX} sends {start_of(text)!r}", is_retriable=True)
    if text and not text.endswith("\n"):
        raise WrongAnswerError(f"{INDEX} sends a page that is cut short", is_retriable=True)
    listing, _, rest = text.partition("\n\n")
    keys = rest.split()
    if len(keys) > 1:
        changed(INDEX, "more than a key stands behind the list")
    lines: list[tuple[datetime, str, str]] = []
    broken: list[Broken] = []
    for position, line in enumerate(filter(None, listing.split("\n")), start=1):
        read_line = _index_line(line)
        if read_line is None:
            broken.append(Broken(CAPTURES, position, line, f"it has not the {COLUMNS} columns of the index"))
        elif read_line[1]:
            lines.append((read_line[0], read_line[2], read_line[3]))
    return IndexPage(tuple(dict.fromkeys(lines)), tuple(broken), keys[0] if keys else None)


def _index_line(line: str) -> tuple[datetime, bool, str, str] | None:
    """Instant, whether there is something to play back, original address, digest."""
    columns = line.split(" ")
    if len(columns) != COLUMNS:
        return None
    _, timestamp, original, mimetype, status, digest, _ = columns
    try:
        instant = datetime.strptime(timestamp, TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return instant, status == "200" or mimetype == "warc/revisit", original, digest


def _mementos(page: IndexPage, countries: Iterable[str]) -> Iterator[Memento]:
    for captured_at, original, _ in page.lines:
        memento = memento_of(captured_at, original)
        if memento is not None and memento.country in countries:
            yield memento


def memento_of(captured_at: datetime, original: str) -> Memento | None:
    """Which chart a captured address is, if it is one that can be read."""
    marketing = apple_marketing_feed.address_of(original)
    if marketing is not None and marketing[1] in apple_marketing_feed.FEEDS:
        country, feed = marketing
        chart, depth = apple_marketing_feed.FEEDS[feed], _number(path_of(original)[5])
        return Memento(MARKETING, country, chart, depth, captured_at, original)
    legacy = apple_legacy_feed.address_of(original)
    if legacy is not None and legacy.chart is not None:
        return Memento(LEGACY, legacy.country, legacy.chart, legacy.limit, captured_at, original)
    page = page_address(original)
    if page is not None and page.chart is not None:
        return Memento(PAGE, page.country, page.chart, 0, captured_at, original)
    return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def _one_an_hour(mementos: Iterable[Memento]) -> list[Memento]:
    """Of each form of a chart the deepest capture of an hour, the first of those; in order of time."""
    chosen: dict[tuple[object, ...], Memento] = {}
    for memento in sorted(mementos, key=lambda m: (-m.depth, m.captured_at, m.original)):
        hour = f"{memento.captured_at:%Y%m%d%H}"
        chosen.setdefault((memento.form, memento.country, memento.chart, hour), memento)
    return sorted(chosen.values(), key=lambda m: (m.captured_at, m.original))


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """A chart as it was when it was captured; of the index only what cannot be read."""
    labels = answer.request.labels
    if "timestamp" not in labels:
        if answer.status == 403:
            index_page(answer.content())
        expect_status(answer, INDEX)
        return Parsed(dict.fromkeys(TABLES, ()), index_page(answer.content()).broken)
    expect_status(answer, UPSTREAM)
    captured_at = _captured_at(answer)
    form, original = labels["form"], labels["original"]
    capture = Capture(
        series=f"{SOURCE.name}/{form}",
        store="app_store",
        country=labels["country"],
        chart=labels["chart"],
        zone=labels["zone"],
        captured_at=captured_at,
        provider="Apple",
        source_url=answer.request.url,
        publisher="Internet Archive",
    )
    if form == PAGE:
        return page_chart(answer.content(), original, capture, is_live=False)
    document = json_object(answer, UPSTREAM, strict=False)
    read_feed = apple_marketing_feed.marketing_chart if form == MARKETING else apple_legacy_feed.legacy_chart
    return read_feed(document, original, capture, is_live=False)


def _captured_at(answer: Answer) -> datetime:
    """The Memento's instant. Raises WrongAnswerError where it is not the one that was asked for.

    The archive answers with its nearest capture where it cannot give the one that is named. That one stands
    in the index by itself.
    """
    asked = datetime.strptime(answer.request.labels["timestamp"], TIMESTAMP).replace(tzinfo=UTC)
    said = answer.headers.get("memento-datetime")
    if said is None:
        return asked
    try:
        given = parsedate_to_datetime(said).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # all of these, by what is wrong with it
        return changed(UPSTREAM, f"`Memento-Datetime` is {said!r}")
    if given != asked:
        raise WrongAnswerError(
            f"{UPSTREAM} plays back the capture of {given:%Y-%m-%dT%H:%M:%SZ} for {asked:%Y-%m-%dT%H:%M:%SZ}",
            is_retriable=False,
        )
    return given


SOURCE = Source(
    name="wayback_charts",
    group="charts",
    description="Charts of the App Store as the Internet Archive kept them, for days of the past.",
    tables=TABLES,
    hosts=(HOST,),
    pace=Pace(requests_per_minute=24, at_once=1, seconds_between=2.5),
    day_zone="UTC",
    ask=ask,
    read=read,
    is_default=False,
    provenance="archive",
)
