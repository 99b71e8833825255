"""Wikimedia page views: of each watched article, and the daily list of the thousand most viewed pages.

Free (CC0), without a key; https://wikitech.wikimedia.org/wiki/Data_Platform/AQS/Pageviews. Views by people
(`agent=user`) on UTC days, since 1 July 2015, about a day late. Views are logged under the title that was
visited, redirects are not followed, so each alias is a title of its own; titles are case-sensitive. Some 200
requests a minute for programs that name a contact, ten for others, 403 for none.

One title and one day a request, so that a day's partition holds that day. A missing figure is not a zero:
404 stands for an unknown title, a day without views and a day that is not counted yet alike, so it is a gap
and no row, and the next runs ask the day again.

Signals: `wikipedia_pageviews` (item = title; `project:title` outside the English edition) and
`wikipedia_top_list`, which bounds what is not on it: below the cut-off. Its `monitored_total` is what the
list shows in all.
A piece of an article's answer is a day's figure; of a list, a watched title, on it or not, and any element
that is no page with views. From a list with such an element absence says nothing, and gives no row. Other
pages are monitored, not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from urllib.parse import quote

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
from ingestion.sources._documents import (
    Document,
    as_json,
    changed,
    expect_status,
    json_object,
    plain,
)
from ingestion.watchlist import Watchlist

UPSTREAM = "Wikimedia"
TABLE = "attention"
HOST = "wikimedia.org"
BASE = f"https://{HOST}/api/rest_v1/metrics/pageviews"
FIRST_DAY = date(2015, 7, 1)
ENGLISH = "en.wikipedia"

ARTICLE, TOP = "wikipedia_pageviews", "wikipedia_top_list"


@dataclass(frozen=True)
class Page:
    """A watched article and whom it stands for."""

    subject_type: str
    subject_id: str
    project: str
    title: str


def _pages(watchlist: Watchlist) -> list[Page]:
    subjects = [("platform", name, platform.wikipedia) for name, platform in watchlist.platforms.items()]
    subjects += [("company", name, company.wikipedia) for name, company in watchlist.companies.items()]
    return [Page(kind, name, page.project, page.title) for kind, name, pages in subjects for page in pages]


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """Each watched title and each edition's top list, for each day of the window that is over."""
    pages = _pages(asking.watchlist)
    today = asking.now.astimezone(UTC).date()
    days = [day for day in asking.window.days() if FIRST_DAY <= day < today]
    projects = sorted({page.project for page in pages})
    lists = [_list_request(project, day) for day in days for project in projects]
    yield [*lists, *(_article_request(page, day) for day in days for page in pages)]


def _article_request(page: Page, day: date) -> Request:
    title = quote(page.title, safe="")  # a slash, too, is part of a title
    return Request(
        url=f"{BASE}/per-article/{page.project}/all-access/user/{title}/daily/{day:%Y%m%d}/{day:%Y%m%d}",
        kind=Kind.JSON,
        day=day,
        labels={
            "signal": ARTICLE,
            "subject_type": page.subject_type,
            "subject_id": page.subject_id,
            "project": page.project,
            "title": page.title,
        },
        max_bytes=MEBIBYTE,
        max_unpacked_bytes=MEBIBYTE,
        is_final=True,
    )


def _list_request(project: str, day: date) -> Request:
    return Request(
        url=f"{BASE}/top/{project}/all-access/{day:%Y/%m/%d}",
        kind=Kind.JSON,
        day=day,
        labels={"signal": TOP, "project": project},
        max_bytes=4 * MEBIBYTE,
        max_unpacked_bytes=4 * MEBIBYTE,
        is_final=True,
    )


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """The views of one article, or those of all watched articles on a top list."""
    expect_status(answer, UPSTREAM)
    items = json_object(answer, UPSTREAM).get("items")
    if not isinstance(items, list):
        changed(UPSTREAM, "an answer without a list `items`")
    if answer.request.labels["signal"] == TOP:
        return _read_list(answer, items, watchlist)
    return _read_article(answer, items)


def _row(answer: Answer, page: Page) -> Row:
    """What all rows have."""
    is_english = page.project == ENGLISH
    return {
        "signal": answer.request.labels["signal"],
        "subject_type": page.subject_type,
        "subject_id": page.subject_id,
        "item": page.title if is_english else f"{page.project}:{page.title}",
        "attention_date": answer.request.day,
        "day_zone": "UTC",
        "unit": "views",
        "captures": 1,
        "captures_expected": 1,
        "source_url": answer.request.url,
    }


# --- an article -----------------------------------------------------------------------------------


def _read_article(answer: Answer, items: list[object]) -> Parsed:
    labels = answer.request.labels
    page = Page(labels["subject_type"], labels["subject_id"], labels["project"], labels["title"])
    asked = {"project": page.project, "article": page.title, "granularity": "daily", "agent": "user"}
    rows: list[Row] = []
    broken: list[Broken] = []
    for position, item in enumerate(items, start=1):
        reason = _why_no_figure(item, asked)
        if reason or not isinstance(item, dict):
            broken.append(Broken(TABLE, position, as_json(item), str(reason)))
            continue
        day = _day(item.get("timestamp"))
        observed = {"attention_date": day, "value": plain(item["views"]), "value_status": "observed"}
        rows.append({**_row(answer, page), **observed})
    return Parsed({TABLE: rows}, broken)


def _why_no_figure(item: object, asked: dict[str, str]) -> str | None:
    if not isinstance(item, dict):
        return "the item is no object"
    for name, wanted in asked.items():
        if item.get(name, wanted) != wanted:
            return f"{name} is not {wanted}"
    return "there is no number of views" if item.get("views") is None else None


def _day(stamp: object) -> object:
    """`2025011900` as a day; anything else as it is."""
    if isinstance(stamp, str) and re.fullmatch(r"[0-9]{8}00", stamp):
        return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}"
    return plain(stamp)


# --- a top list -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A page on a list."""

    title: str
    views: int
    rank: object


def _read_list(answer: Answer, items: list[object], watchlist: Watchlist) -> Parsed:
    pages = [page for page in _pages(watchlist) if page.project == answer.request.labels["project"]]
    places: list[Place] = []
    broken: list[Broken] = []
    for position, element in enumerate(_elements(answer, items), start=1):
        place = _place(element)
        if place is None:
            broken.append(Broken(TABLE, position, as_json(element), "the element is no page with views"))
        else:
            places.append(place)
    rows = [row for page in pages for row in _rows_of_page(answer, page, places, is_whole=not broken)]
    return Parsed({TABLE: rows}, broken)


def _elements(answer: Answer, items: list[object]) -> list[object]:
    """The pages of the list, which must be of the day that was asked."""
    if not items:
        return []
    document: Document = items[0] if isinstance(items[0], dict) else {}
    elements = document.get("articles")
    if not isinstance(elements, list):
        changed(UPSTREAM, "a top list without `articles`")
    sent = "-".join(str(document.get(name, "")) for name in ("year", "month", "day"))
    asked = answer.request.day.isoformat()
    if sent not in {asked, "--"}:
        raise WrongAnswerError(
            f"Wikimedia sends the list of {plain(sent)} where {asked} was asked", is_retriable=False
        )
    return elements


def _place(element: object) -> Place | None:
    if not isinstance(element, dict):
        return None
    title, views = element.get("article"), element.get("views")
    if not isinstance(title, str) or not isinstance(views, int) or isinstance(views, bool) or views < 0:
        return None
    return Place(title, views, element.get("rank"))


def _rows_of_page(answer: Answer, page: Page, places: list[Place], *, is_whole: bool) -> Iterator[Row]:
    """What the list says of a page: its views and rank, or that it has fewer than the last on it."""
    row = _row(answer, page) | {
        "monitored_total": sum(place.views for place in places),
        "monitored_distinct_items": len(places),
    }
    found = [place for place in places if place.title == page.title]
    for place in found:
        yield {**row, "value_status": "observed", "value": place.views, "best_rank": plain(place.rank)}
    if places and not found and is_whole:
        cutoff = min(place.views for place in places)
        yield {**row, "value_status": "below_cutoff", "cutoff_value": cutoff}


SOURCE = Source(
    name="wikimedia_pageviews",
    group="attention",
    description="Wikipedia page views of watched articles, and the day's most viewed pages.",
    tables=(TABLE,),
    hosts=(HOST,),
    pace=Pace(requests_per_minute=120, at_once=2),
    day_zone="UTC",
    ask=ask,
    read=read,
    look_back_days=2,
    is_dated=True,
    asks_by_platform=True,
)
