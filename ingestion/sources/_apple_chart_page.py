"""The App Store's chart pages for the web, in both designs: before and after the first days of November 2025.

`https://apps.apple.com/{country}/charts/iphone/{slug}/{genre}?chart=top-free`: 100 apps, made by the server.
The slug is in the storefront's language, so the genre's id says which chart it is; genre 36 is all apps
without games. The page does not say of when it is. The older design tells rank, title and developer, the
newer one no developer. An app is known by the id in its link: titles change.

A piece is an item of the ranked list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingestion.source import Parsed, WrongAnswerError
from ingestion.sources._charts import (
    GENRES,
    Capture,
    Listed,
    PieceError,
    agreed_id,
    chart_rows,
    path_of,
    text_of,
)
from ingestion.sources._documents import as_json, changed

UPSTREAM = "The chart page"
ALL_APPS = "36"
KINDS = {"top-free": "free", "top-paid": "paid"}

Element = Any
"""An element of lxml, which has no types."""


@dataclass(frozen=True)
class _Design:
    """Where things stand: the items of the list seen from the page, the rest seen from an item."""

    items: str
    rank: str
    title: str


def _has(name: str) -> str:
    """A condition of XPath: the element is of this class."""
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


DESIGNS = (
    _Design(
        items=f"//*[{_has('chart')}]//li[not(ancestor::li)]",
        rank=f".//*[{_has('we-lockup__rank')}]",
        title=f".//*[{_has('we-lockup__title')}]",
    ),
    _Design(
        items=f"//*[{_has('shelf')}]//*[{_has('grid')}][.//*[{_has('ordinal')}]]//li[not(ancestor::li)]",
        rank=f".//*[{_has('ordinal')}]",
        title=".//h3",
    ),
)


@dataclass(frozen=True)
class PageAddress:
    """What an address of a chart page asks for."""

    country: str
    genre: str
    kind: str

    @property
    def chart(self) -> str | None:
        """The chart's name here, if it is one that has a name."""
        genre = "apps" if self.genre == ALL_APPS else GENRES.get(self.genre)
        return f"top_{self.kind}_{genre}" if genre else None


def page_address(url: object) -> PageAddress | None:
    """What an address asks for, if it is one of a chart page for the iPhone."""
    match path_of(url):
        case [country, "charts", "iphone", _, genre]:
            asked = parse_qs(urlsplit(str(url)).query).get("chart", ["top-free"])[-1]
            return PageAddress(country.upper(), genre, KINDS[asked]) if asked in KINDS else None
    return None


def page_chart(content: bytes, asked: str, capture: Capture, *, is_live: bool = True) -> Parsed:
    """Rows of a page that was asked for at the address `asked`. Raises WrongAnswerError."""
    page = _page(content)
    _check_identity(page, asked, is_live=is_live)
    for design in DESIGNS:
        items = page.xpath(design.items)
        if items:
            pieces = [_piece(item, design) for item in items]
            return chart_rows(capture, pieces, _listed)
    return changed(UPSTREAM, "it has a ranked list of neither known design")


def _page(content: bytes) -> Element:
    from lxml import etree, html  # type: ignore[import-untyped]

    if b"</html>" not in content[-1024:].lower():
        raise WrongAnswerError(f"{UPSTREAM} is empty, cut short, or no page", is_retriable=True)
    try:
        return html.document_fromstring(content, parser=html.HTMLParser(encoding="utf-8"))
    except (etree.LxmlError, ValueError) as error:
        raise WrongAnswerError(f"{UPSTREAM} cannot be read as HTML: {error}", is_retriable=True) from error


def _check_identity(page: Element, asked: str, *, is_live: bool) -> None:
    """Raises WrongAnswerError where the page names another chart as itself. Not every page names one."""
    expected = page_address(asked)
    for said in page.xpath("//link[@rel='canonical']/@href"):
        found = page_address(said)
        if found and expected and (found.country, found.genre) != (expected.country, expected.genre):
            raise WrongAnswerError(f"{UPSTREAM} is another one: it calls itself {said}", is_retriable=is_live)


def _piece(item: Element, design: _Design) -> dict[str, object]:
    """What an item says, as texts."""
    return {
        "rank": _text(item, design.rank),
        "title": _text(item, design.title),
        "links": [str(link) for link in item.xpath(".//a/@href")],
    }


def _text(item: Element, path: str) -> str | None:
    found = item.xpath(path)
    return " ".join(found[0].text_content().split()) if found else None


def _listed(piece: object, position: int) -> Listed:
    if not isinstance(piece, dict):
        raise PieceError("it is no item of a list")
    rank = text_of(piece["rank"], "the rank")
    if not (rank.isascii() and rank.isdecimal() and len(rank) <= 4 and 1 <= int(rank) <= 1000):
        raise PieceError(f"the rank {as_json(rank)[:80]} is not a number between 1 and 1000")
    return Listed(int(rank), agreed_id(None, piece["links"]), text_of(piece["title"], "the title"))
