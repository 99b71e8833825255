"""A small source that shows all that a source may do: a listing, pages that it names, gaps, broken pieces.

It exists in tests alone. A day's list names pages; a page holds articles and which platforms they name. A
piece is an element of `items`.
"""

from __future__ import annotations

import json
from datetime import date

from ingestion.source import (
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
from ingestion.watchlist import Watchlist

HOST = "news.example.com"
OLD_HOST = "old.example.com"
PAGES = 3
ITEMS = (4, 4, 1)
"""Articles on each page: the last page is short."""


def list_url(day: date) -> str:
    return f"https://{HOST}/list?day={day}"


def page_url(day: date, page: int) -> str:
    return f"https://{HOST}/page/{page}?day={day}"


def ask(asking: Asking) -> Questions:
    """The list of each day, then the pages that it names."""
    today = asking.now.date()
    days = [day for day in asking.window.days() if day <= today]
    lists = yield [Request(list_url(day), Kind.JSON, day, {"what": "list"}, max_bytes=10**5) for day in days]
    for day, answer in zip(days, lists, strict=True):
        if answer is not None:
            pages = json.loads(answer.content())["pages"]
            yield [
                Request(page_url(day, page), Kind.JSON, day, {"what": "page"}, max_bytes=10**5)
                for page in pages
            ]


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Articles of a page, and the platforms that they name. A list has no rows."""
    try:
        document = json.loads(answer.content())
    except (ValueError, RecursionError) as error:
        raise WrongAnswerError(f"it is no JSON: {error}", is_retriable=True) from error
    if not isinstance(document, dict):
        raise WrongAnswerError("it is no object", is_retriable=False)
    if "error" in document:
        raise WrongAnswerError(f"it says {document['error']}", is_retriable=True)
    if answer.request.labels["what"] == "list":
        if not isinstance(document.get("pages"), list):
            raise WrongAnswerError("there is no list of pages", is_retriable=False)
        return Parsed({})
    if not isinstance(document.get("items"), list):
        raise WrongAnswerError("there is no list of items", is_retriable=False)
    return _articles(document["items"], watchlist)


def _articles(items: list[object], watchlist: Watchlist) -> Parsed:
    articles: list[Row] = []
    mentions: list[Row] = []
    broken: list[Broken] = []
    for position, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            broken.append(Broken("articles", position, json.dumps(item), "the item is no object"))
            continue
        articles.append(
            {
                "article_id": item.get("id"),
                "url": item.get("url"),
                "outlet": item.get("outlet"),
                "published_date": item.get("date"),
                "published_precision": "day",
                "title": item.get("title"),
            }
        )
        named = [p for p in watchlist.platforms if p in str(item.get("title")).lower()]
        mentions += [
            {
                "article_id": item.get("id"),
                "platform_id": platform,
                "alias": platform,
                "found_in": "title",
                "mentions": 1,
                "published_date": item.get("date"),
            }
            for platform in named
        ]
    return Parsed({"articles": articles, "article_mentions": mentions}, broken)


def answer(request: Request) -> bytes:
    """What the upstream says when all is well."""
    if "/list" in request.url:
        return json.dumps({"pages": list(range(1, PAGES + 1))}).encode()
    page = int(request.url.rpartition("/")[2].partition("?")[0])
    items = [_item(request.day, page, number) for number in range(1, ITEMS[page - 1] + 1)]
    return json.dumps({"items": items}).encode()


def _item(day: date, page: int, number: int) -> dict[str, object]:
    return {
        "id": f"{day}/{page}/{number}",
        "url": f"https://{HOST}/{day}/{page}/{number}",
        "outlet": HOST,
        "date": str(day),
        "title": f"TikTok story {number} of page {page}" if number % 2 else f"Story {number} of page {page}",
    }


SOURCE = Source(
    name="example_news",
    group="news",
    description="Made-up news.",
    tables=("articles", "article_mentions"),
    hosts=(HOST, OLD_HOST),
    pace=Pace(requests_per_minute=6000, at_once=3),
    day_zone="UTC",
    ask=ask,
    read=read,
)
