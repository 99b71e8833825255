"""Apple's marketing feed (v2): the top free and top paid apps of every watched storefront, 100 deep.

Undocumented in detail; format as recorded. No rank is sent: it is the place in `results`. No history, no
paging; more than 100 is answered with status 500. The feed names its own address and when it was updated (as
in an e-mail header, the day without a leading zero), which tells a stale or a wrong list from the one that
was asked for. Time-outs are common. There are no genre charts here, and no top grossing.

A piece is an element of `results`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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
    TABLES,
    Capture,
    Listed,
    PieceError,
    agreed_id,
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

UPSTREAM = "Apple's marketing feed"
HOST = "rss.marketingtools.apple.com"
OLD_HOST = "rss.applemarketingtools.com"
"""Redirects to the new one, or answers by itself."""

FEEDS = {"top-free": "top_free_overall", "top-paid": "top_paid_overall"}
"""Apple's name of a feed, and that of the chart here."""


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """A request a storefront and feed, if today is asked for."""
    day = day_of_now(asking)
    if day is None:
        return
    yield [
        Request(
            url=f"https://{HOST}/api/v2/{country.lower()}/apps/{feed}/{DEPTH}/apps.json",
            kind=Kind.JSON,
            day=day,
            labels=labels_of(country, chart, zone),
            max_bytes=4 * MEBIBYTE,
            max_unpacked_bytes=16 * MEBIBYTE,
        )
        for country, zone in asking.watchlist.storefronts.items()
        for feed, chart in FEEDS.items()
    ]


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """The chart as it was when it was fetched."""
    expect_status(answer, UPSTREAM)
    capture = live_capture(answer, SOURCE.name, "app_store", "Apple")
    return marketing_chart(json_object(answer, UPSTREAM), answer.request.url, capture)


def marketing_chart(document: Document, asked: str, capture: Capture, *, is_live: bool = True) -> Parsed:
    """Rows of a feed that was asked for at the address `asked`. Raises WrongAnswerError."""
    feed = document.get("feed")
    if not isinstance(feed, dict):
        changed(UPSTREAM, "there is no `feed`")
    if address_of(feed.get("id")) != address_of(asked):
        said = as_json(feed.get("id"))
        raise WrongAnswerError(f"{UPSTREAM} sends another list: its id is {said}", is_retriable=is_live)
    check_title(feed.get("title"), capture.chart, is_retriable=is_live)
    check_fresh(_updated(feed), capture.captured_at, is_retriable=is_live)
    results = elements(feed.get("results"))
    if not results:
        raise WrongAnswerError(f"{UPSTREAM} sends a list without an app", is_retriable=is_live)
    return chart_rows(capture, results, _listed)


def address_of(url: object) -> tuple[str, str] | None:
    """Country (upper-case) and feed of an address of this upstream, whatever its host and its depth."""
    match path_of(url):
        case ["api", "v2", country, "apps", feed, _, "apps.json"]:
            return country.upper(), feed
    return None


def _updated(feed: Document) -> datetime:
    """When the list was made, such as `Thu, 5 Oct 2023 19:57:28 +0000`."""
    said = feed.get("updated")
    try:
        updated = parsedate_to_datetime(said) if isinstance(said, str) else None
        if updated is not None and updated.tzinfo is not None:
            return updated.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # all of these, by what is wrong with it
        updated = None
    return changed(UPSTREAM, f"`updated` is {as_json(said)}")


def _listed(piece: object, position: int) -> Listed:
    app = mapping(piece)
    if app.get("kind", "apps") != "apps":
        raise PieceError(f"the kind is {as_json(app['kind'])[:80]}, not apps")
    return Listed(position, agreed_id(app.get("id"), [app.get("url")]), text_of(app.get("name"), "the name"))


SOURCE = Source(
    name="apple_marketing_feed",
    group="charts",
    description="Top free and top paid apps of the App Store, a storefront at a time, 100 deep.",
    tables=TABLES,
    hosts=(HOST, OLD_HOST),
    pace=Pace(requests_per_minute=30, seconds_between=1.0),
    day_zone="UTC",
    ask=ask,
    read=read,
    failed_look=failed_look("apple_marketing_feed", "app_store", "Apple"),
)
