"""Texts of articles, on demand: which platforms they name. The texts themselves stay in the archive.

No upstream of its own but any public page, so it is off by default. It asks for the pages under `articles` in
the watchlist, or for those that `asking_for` is given. What a site's robots.txt (RFC 9309) forbids our
User-Agent is not asked. Where the rules cannot be had (anything but an answer or 404), nothing of the site is
asked; a site that wants more time between two requests than we leave is asked for one page. Where a page is
moved to is asked only if the rules of that site allow it, too. trafilatura finds the text of a page, without
menus and comments.

A piece is a page. It becomes one row for each platform that its text names, and a row of `articles` if the
article was not known before; a page in which no text is found is a broken piece. robots.txt and
a page that has moved have no pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urljoin, urlsplit

from ingestion.mentions import Matcher
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
from ingestion.sources._articles import ANY_HOST, ARTICLES, MENTIONS, mention_rows, plain_title
from ingestion.sources._documents import expect_status, start_of
from ingestion.syndication import article_id, host_of
from ingestion.watchlist import Page, Watchlist

ROBOT = "MigrationObservatory"
"""Our name in robots.txt: that of the User-Agent without its version."""
SECONDS_BETWEEN = 2.0
ROBOTS_BYTES = 512 * 1024
MAX_HOPS = 5
MOVED = (301, 302, 303, 307, 308)
NO_TEXT = "no text of an article is found in the page"


@dataclass(frozen=True)
class Text:
    """What a page holds: its text, and what it says of itself."""

    text: str
    title: str | None
    outlet: str | None
    day: date | None


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """The pages on the watchlist."""
    yield from asking_for(asking.watchlist.articles)(asking)


def asking_for(pages: Sequence[Page]) -> Callable[[Asking], Questions]:
    """What asks for these pages: put in the place of `ask` by `dataclasses.replace(SOURCE, ask=...)`."""

    def ask(asking: Asking) -> Questions:
        yield from _questions(pages, asking.window.last)

    return ask


def _questions(pages: Sequence[Page], day: date) -> Questions:
    """The rules of each site, then what they allow; the same for the addresses that pages have moved to."""
    rules: dict[str, Answer | None] = {}
    asked = [_page_request(page, day) for page in pages]
    for _ in range(MAX_HOPS + 1):
        sites: dict[str, list[Request]] = {}
        for request in asked:
            sites.setdefault(_site_of(request.url), []).append(request)
        unknown = [site for site in sites if site not in rules]
        if unknown:
            answers = yield [_robots_request(site, day) for site in unknown]
            rules |= dict(zip(unknown, answers, strict=True))
        wanted = [request for site, requests in sites.items() for request in _allowed(requests, rules[site])]
        if not wanted:
            return
        answers = yield wanted
        asked = [
            replace(request, url=moved_to, labels={"moved_from": request.url, **request.labels})
            for request, answer in zip(wanted, answers, strict=True)
            if answer is not None and (moved_to := _moved_to(request.url, answer)) is not None
        ]


def _site_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _moved_to(url: str, answer: Answer) -> str | None:
    """Where a page has moved to, if that can be asked and is no less safe."""
    target = answer.headers.get("location")
    if answer.status not in MOVED or not target:
        return None
    try:
        moved_to = urljoin(url, target)
        scheme = urlsplit(moved_to).scheme
    except ValueError:
        return None
    return moved_to if scheme == "https" or scheme == urlsplit(url).scheme == "http" else None


def _robots_request(site: str, day: date) -> Request:
    return Request(
        url=f"{site}/robots.txt",
        kind=Kind.TEXT,
        day=day,
        labels={"page": "robots"},
        max_bytes=ROBOTS_BYTES,
        max_unpacked_bytes=ROBOTS_BYTES,
        missing_is_answer=True,
    )


def _page_request(page: Page, day: date) -> Request:
    return Request(
        url=page.url,
        kind=Kind.HTML,
        day=day,
        labels={
            "page": "article",
            "article_id": page.article_id or article_id(page.url),
            "is_known": "yes" if page.article_id else "no",
            "language": page.language or "",
        },
        max_bytes=8 * MEBIBYTE,
        max_unpacked_bytes=32 * MEBIBYTE,
        follows_redirects=False,
    )


def _allowed(pages: list[Request], rules: Answer | None) -> list[Request]:
    """The pages of a site that its rules let us ask for."""
    from protego import Protego

    if rules is None:
        return []
    if rules.status == 404:
        return pages
    robots = Protego.parse(rules.content().decode("utf-8", errors="replace"))
    allowed = [page for page in pages if robots.can_fetch(page.url, ROBOT)]
    delay = robots.crawl_delay(ROBOT)
    return allowed[:1] if delay is not None and delay > SECONDS_BETWEEN else allowed


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Platforms that the text of a page names."""
    labels = answer.request.labels
    if labels["page"] == "robots":
        return Parsed({})
    if answer.status in MOVED:
        if _moved_to(answer.request.url, answer) is None:
            target = answer.headers.get("location", "")[:80]
            raise WrongAnswerError(f"it is moved to {target!r}, which is not asked", is_retriable=False)
        return Parsed({})
    expect_status(answer, f"The page {answer.request.url}")
    found = text_of(answer)
    if found is None:
        shown = start_of(answer.content().decode("utf-8", errors="replace"))
        return Parsed({}, [Broken(MENTIONS, 1, shown, NO_TEXT)])
    article = _article(answer, found, labels)
    mentions = Matcher.from_watchlist(watchlist).find(found.text, labels["language"] or None)
    rows: dict[str, list[Row]] = {MENTIONS: mention_rows(article, mentions, "text")}
    return Parsed({ARTICLES: [article], **rows} if labels["is_known"] == "no" else rows)


def text_of(answer: Answer) -> Text | None:
    """The text of a page; None where there is none to be found."""
    from trafilatura import bare_extraction

    found = bare_extraction(
        answer.content(), url=answer.request.url, include_comments=False, with_metadata=True
    )
    if found is None or isinstance(found, dict) or not (found.text or "").strip():
        return None
    return Text(
        text=str(found.text),
        title=plain_title(found.title) if found.title else None,
        outlet=plain_title(found.sitename) if found.sitename else None,
        day=_day(found.date),
    )


def _article(answer: Answer, found: Text, labels: Mapping[str, str]) -> Row:
    url = labels.get("moved_from", answer.request.url)
    return {
        "article_id": labels["article_id"],
        "url": url,
        "outlet": found.outlet or host_of(url),
        "language": labels["language"] or None,
        "published_date": found.day,
        "published_precision": "day" if found.day else "unknown",
        "title": found.title,
    }


def _day(written: str | None) -> date | None:
    try:
        return date.fromisoformat((written or "")[:10])
    except ValueError:
        return None


SOURCE = Source(
    name="article_text",
    group="news",
    description="Texts of articles, on demand: which platforms they name.",
    tables=(ARTICLES, MENTIONS),
    hosts=(ANY_HOST,),
    pace=Pace(requests_per_minute=20, at_once=1, seconds_between=SECONDS_BETWEEN),
    day_zone="UTC",
    ask=ask,
    read=read,
    is_default=False,
)
