"""GDELT's DOC 2.0 API: a search in the texts of the last months' news. Optional; the bulk files say more.

No key, but little patience: one request in five seconds by its own words, and refusals at that pace, too,
even of a first request. A refusal is a sentence, often with status 200. A search looks back about three
months. It gives at most 250 articles and no pages, so a range of time with as many is asked again in halves.

It searches the English translation of every text, so names in other scripts find nothing, and it knows no
context: only names in Latin letters that are not ambiguous are asked for. What it finds is no mention yet:
articles come with the mentions in their title and address; the volumes are those of GDELT's search.

Titles come in tokens ("sanctions ; Tehran hits back , calls"), and with escapes that JSON does not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NoReturn
from urllib.parse import urlencode

from ingestion.mentions import Matcher, Mention
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
from ingestion.sources._documents import Document, as_json, changed, expect_status, plain, start_of
from ingestion.sources._gdelt import STAMP, STEP, language_code, moment, words_of_path
from ingestion.syndication import article_id, host_of
from ingestion.watchlist import Platform, Watchlist

UPSTREAM = "GDELT's DOC API"
HOST = "api.gdeltproject.org"
MOST_ARTICLES = 250
SIGNAL = "gdelt_doc"
ARTICLES = "artlist"
VOLUME = "timelinevolraw"
TOO_FAST = "limit requests"
SHORTEST_WORD = 4
SHORTEST_PHRASE = 5
"""What has fewer letters is refused."""


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """For each day the volumes of each platform, then its articles, in halves where there are too many."""
    now = asking.now.astimezone(UTC)
    searches = [
        (platform_id, query)
        for platform_id, platform in asking.watchlist.platforms.items()
        if (query := query_of(_sure_names(platform)))
    ]
    for day in asking.window.days():
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = min(start + timedelta(days=1), now)
        if end <= start:
            return
        yield [_request(VOLUME, platform, query, start, end) for platform, query in searches]
        yield from _ask_articles([(platform, query, start, end) for platform, query in searches])


def _ask_articles(ranges: list[tuple[str, str, datetime, datetime]]) -> Questions:
    while ranges:
        answers = yield [_request(ARTICLES, *one) for one in ranges]
        ranges = [
            half
            for one, answer in zip(ranges, answers, strict=True)
            if answer is not None and _is_full(answer)
            for half in _halves(*one)
        ]


def _halves(
    platform: str, query: str, start: datetime, end: datetime
) -> Iterator[tuple[str, str, datetime, datetime]]:
    """A range in two, cut where a batch begins; nothing for a batch alone."""
    middle = start + (end - start) // STEP // 2 * STEP
    if start < middle < end:
        yield platform, query, start, middle
        yield platform, query, middle, end


def _is_full(answer: Answer) -> bool:
    """Whether an answer has as many articles as there can be, so that others may be missing."""
    try:
        articles = _document(answer).get("articles")
    except WrongAnswerError:
        return False
    return isinstance(articles, list) and len(articles) >= MOST_ARTICLES


def _sure_names(platform: Platform) -> list[str]:
    """Names that mean the platform in whatever case and wherever they stand."""
    return [alias.alias for alias in platform.aliases if not (alias.ambiguous or alias.exact_case)]


def query_of(names: list[str]) -> str | None:
    """The search for any of these names, in GDELT's words; None if none of them can be asked.

    Phrases stand in quotes, single words must not; a word with a sign in it can be asked in neither way.
    """
    terms: dict[str, str] = {}
    for name in names:
        if not name.isascii():
            continue
        words = name.split()
        if len(words) == 1 and name.isalnum() and len(name) >= SHORTEST_WORD:
            terms.setdefault(name.lower(), name)
        elif len(words) > 1 and len(name) >= SHORTEST_PHRASE and all(word.isalnum() for word in words):
            terms.setdefault(name.lower(), f'"{name}"')
    if not terms:
        return None
    return f"({' OR '.join(terms.values())})" if len(terms) > 1 else next(iter(terms.values()))


def _request(mode: str, platform: str, query: str, start: datetime, end: datetime) -> Request:
    """Both ends of a range belong to it, so that it ends a second before the next begins."""
    parameters = {
        "query": query,
        "mode": mode,
        "format": "json",
        "startdatetime": start.strftime(STAMP),
        "enddatetime": (end - timedelta(seconds=1)).strftime(STAMP),
    }
    if mode == ARTICLES:
        parameters |= {"maxrecords": str(MOST_ARTICLES), "sort": "dateasc"}
    return Request(
        url=f"https://{HOST}/api/v2/doc/doc?{urlencode(parameters)}",
        kind=Kind.JSON,
        day=start.date(),
        labels={"mode": mode, "platform": platform},
        max_bytes=8 * MEBIBYTE,
        max_unpacked_bytes=8 * MEBIBYTE,
    )


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """The articles of a search, or its volumes. A piece is an article, or a point of the time line."""
    expect_status(answer, UPSTREAM)
    document = _document(answer)
    if answer.request.labels["mode"] == VOLUME:
        return _read_volume(answer, document)
    return _read_articles(document, _matcher(watchlist.model_dump_json()))


@lru_cache(maxsize=2)
def _matcher(watched: str) -> Matcher:
    return Matcher.from_watchlist(Watchlist.model_validate_json(watched))


_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')


def _document(answer: Answer) -> Document:
    """The body as an object. Escapes that JSON does not know stand for themselves."""
    text = answer.content().decode("utf-8-sig", errors="replace").strip()
    if not text:
        raise WrongAnswerError(f"{UPSTREAM} sends an empty body", is_retriable=True)
    if not text.startswith("{"):
        _refused(text)
    repaired = _ESCAPE.sub(lambda found: found[0] if len(found[0]) > 1 else r"\\", text)
    try:
        document = json.loads(repaired, parse_constant=str, strict=False)
    except (ValueError, RecursionError) as problem:
        raise WrongAnswerError(
            f"{UPSTREAM} sends truncated or malformed JSON ({start_of(str(problem))})", is_retriable=True
        ) from None
    return document if isinstance(document, dict) else changed(UPSTREAM, "no JSON object")


def _refused(text: str) -> NoReturn:
    """A sentence in place of JSON: about the pace, which passes, or about the search, which does not."""
    said = start_of(text)
    if text.startswith("<"):
        raise WrongAnswerError(f"{UPSTREAM} sends a web page in place of JSON: {said!r}", is_retriable=True)
    is_about_pace = TOO_FAST in text.lower()
    raise WrongAnswerError(f"{UPSTREAM} refuses: {said!r}", is_retriable=is_about_pace)


# --- volumes --------------------------------------------------------------------------------------


def _read_volume(answer: Answer, document: Document) -> Parsed:
    rows: list[Row] = []
    broken: list[Broken] = []
    for position, point in enumerate(_points(document), start=1):
        row = _volume_row(answer, point)
        if isinstance(row, str):
            broken.append(Broken("news_volume", position, as_json(point), row))
        else:
            rows.append(row)
    return Parsed({"news_volume": rows}, broken)


def _points(document: Document) -> list[object]:
    """The points of the one series. `{}` says that there are none."""
    if not document:
        return []
    series = document.get("timeline")
    if not isinstance(series, list):
        return changed(UPSTREAM, "no `timeline`")
    if not series:
        return []
    data = series[0].get("data") if len(series) == 1 and isinstance(series[0], dict) else None
    return data if isinstance(data, list) else changed(UPSTREAM, "not one series with `data`")


def _volume_row(answer: Answer, point: object) -> Row | str:
    """A point as a row, or what is wrong with it."""
    if not isinstance(point, dict):
        return "the point is no object"
    at = seen_at(point.get("date"))
    if at is None:
        return "the date is no moment"
    if at.date() != answer.request.day:
        return f"the point is not of {answer.request.day}, which was asked"
    return {
        "signal": SIGNAL,
        "subject_type": "platform",
        "subject_id": answer.request.labels["platform"],
        "news_date": at.date(),
        "day_zone": "UTC",
        "batch": at.strftime(STAMP),
        "item_kind": "articles",
        "matching_items": plain(point.get("value")),
        "monitored_items": plain(point.get("norm")),
        "source_url": answer.request.url,
    }


def seen_at(text: object) -> datetime | None:
    """The instant of `20250113T001500Z`; None if it is none."""
    if not isinstance(text, str) or not re.fullmatch(r"\d{8}T\d{6}Z", text):
        return None
    return moment(text.replace("T", "").removesuffix("Z"))


# --- articles -------------------------------------------------------------------------------------


def _read_articles(document: Document, matcher: Matcher) -> Parsed:
    elements = document.get("articles", [])
    if not isinstance(elements, list):
        changed(UPSTREAM, "`articles` is no list")
    articles: dict[str, Row] = {}
    mentions: list[Row] = []
    broken: list[Broken] = []
    for position, element in enumerate(elements, start=1):
        article = _article(element)
        if isinstance(article, dict) and article["article_id"] in articles:
            article = "the address is that of an article before"
        if isinstance(article, str):
            broken.append(Broken("articles", position, as_json(element), article))
            continue
        articles[str(article["article_id"])] = article
        mentions += _mention_rows(article, matcher)
    return Parsed({"articles": list(articles.values()), "article_mentions": mentions}, broken)


def _article(element: object) -> Row | str:
    """An article as a row, or what is wrong with it."""
    if not isinstance(element, dict):
        return "the article is no object"
    texts = {name: value for name, value in element.items() if isinstance(value, str)}
    address = (texts.get("url") or texts.get("url_mobile") or "").strip().removesuffix("%20title=")
    if not re.match(r"https?://[^/\s]", address, re.IGNORECASE):
        return "the article has no address"
    seen = seen_at(element.get("seendate"))
    language = texts.get("language", "").strip()
    return {
        "article_id": article_id(address),
        "url": address,
        "outlet": texts.get("domain", "").strip() or host_of(address),
        "language": language_code(language) or language or None,
        "published_date": seen.date() if seen else plain(element.get("seendate")),
        "published_precision": "day",
        "title": whole_title(texts.get("title", ""), language) or None,
        "note": "the day on which GDELT saw it",
    }


def _mention_rows(article: Row, matcher: Matcher) -> list[Row]:
    """Platforms in the title and the address, each where it is named first."""
    title = str(article["title"] or "")
    language = str(article["language"]) if article["language"] else None
    places = {
        "title": matcher.find(title, language),
        "url": matcher.find(words_of_path(str(article["url"]))),
    }
    rows: dict[str, Row] = {}
    for place, mentions in places.items():
        for mention in mentions:
            rows.setdefault(mention.platform_id, _mention_row(article, place, mention, mentions))
    return list(rows.values())


def _mention_row(article: Row, place: str, mention: Mention, mentions: list[Mention]) -> Row:
    return {
        "article_id": article["article_id"],
        "platform_id": mention.platform_id,
        "alias": mention.alias,
        "found_in": place,
        "mentions": sum(other.platform_id == mention.platform_id for other in mentions),
        "context": mention.context,
        "published_date": article["published_date"],
    }


def whole_title(title: str, language: str = "") -> str:
    """A title that came in tokens, put together: one space between words, none before a sign.

    French sets a space before some signs itself.
    """
    signs = r"[,.)\]%]" if language == "French" else r"[,.;:!?)\]%]"
    text = " ".join(title.split())
    text = re.sub(rf" +({signs})(?=\s|$|[\"'”’»)\]])", r"\1", text)
    return re.sub(r"([(\[]) +", r"\1", text)


SOURCE = Source(
    name="gdelt_doc",
    group="news",
    description="GDELT DOC 2.0 API: a search of recent news for each platform, with volumes.",
    tables=("articles", "article_mentions", "news_volume"),
    hosts=(HOST,),
    pace=Pace(requests_per_minute=8, at_once=1, seconds_between=7.0),
    day_zone="UTC",
    ask=ask,
    read=read,
    asks_by_platform=True,
    is_default=False,
    is_dated=True,
)
