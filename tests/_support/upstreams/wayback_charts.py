"""The Wayback Machine as it answers: its index as text, recorded in 2022, and captures played back raw.

The index lists two looks a day at each address, with what is normal there: a line three times, http and https
twins in one second, redirects, a revisit, and addresses that are no chart.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from html import escape
from urllib.parse import parse_qs, quote_plus, urlsplit

from ingestion.source import Request
from ingestion.sources._apple_chart_page import page_address
from tests._support.upstreams import apple_legacy_feed, apple_marketing_feed
from tests._support.upstreams._rankings import MadeUpApp, ranking

REDESIGNED = date(2025, 11, 4)
SLUG = "top-free-apps"
ADDRESSES = {
    "/api/v2/": ("{prefix}free/{depth}/apps.json", "{prefix}paid/{depth}/apps.json"),
    "/rss/": (
        "{prefix}limit={depth}/json",
        "{prefix}limit={depth}/genre=6005/json",
        "{prefix}limit={depth}/xml",
    ),
    "/charts/": (f"{{prefix}}{SLUG}/36", "{prefix}social-networking-apps/6005?chart=top-free"),
}


def answer(request: Request) -> bytes:
    """A page of the index, or a capture."""
    parts = urlsplit(request.url)
    if parts.path == "/cdx/search/cdx":
        return _index(parse_qs(parts.query))
    stamp, _, original = request.url.partition("/web/")[2].partition("id_/")
    return _capture(replace(request, url=original), _day(stamp))


def _day(stamp: str) -> date:
    return datetime.strptime(stamp + "+0000", "%Y%m%d%H%M%S%z").date()


# --- the index ------------------------------------------------------------------------------------


def _index(asked: dict[str, list[str]]) -> bytes:
    prefix, limit = asked["url"][0], int(asked["limit"][0])
    lines = sorted(_lines(prefix, _day(asked["from"][0]), _day(asked["to"][0])))
    start = asked.get("resumeKey", [""])[0]
    left = [line for line in lines if _key(line) >= start]
    page = "".join(f"{line}\n" for line in left[:limit])
    return (page if len(left) <= limit else f"{page}\n{_key(left[limit])}\n").encode()


def _key(line: str) -> str:
    """Where a page begins, as the index writes it: encoded, and encoded again on its way back."""
    surt, stamp, *_ = line.split(" ")
    return f"{quote_plus(surt)}+{stamp}"


def _lines(prefix: str, first: date, last: date) -> Iterator[str]:
    templates = next(templates for part, templates in ADDRESSES.items() if part in prefix)
    day = first
    while day <= last:
        for template in templates:
            for clock in ("031501", "151502"):
                yield from _captures(template.format(prefix=prefix, depth=100), f"{day:%Y%m%d}{clock}")
            yield _line(template.format(prefix=prefix, depth=25), f"{day:%Y%m%d}031510")
        day += timedelta(days=1)


def _captures(address: str, stamp: str) -> Iterator[str]:
    yield from [_line(address, stamp)] * 3
    yield _line(address, stamp, scheme="http", mimetype="unk", status="301")
    yield _line(address, stamp[:-2] + "30", mimetype="warc/revisit", status="-")
    yield _line(f"{address}.bak", stamp, status="404")


def _line(
    address: str,
    stamp: str,
    *,
    scheme: str = "https",
    mimetype: str = "application/json",
    status: str = "200",
) -> str:
    host, _, path = address.partition("/")
    surt = f"{','.join(reversed(host.split('.')))})/{path}"
    digest = base64.b32encode(hashlib.sha1(f"{address}{stamp[:-2]}{status}".encode()).digest()).decode()
    return f"{surt} {stamp} {scheme}://{address} {mimetype} {status} {digest} {5000 + len(address)}"


# --- captures -------------------------------------------------------------------------------------


def _capture(request: Request, day: date) -> bytes:
    seen = replace(request, day=day)
    if "/api/v2/" in request.url:
        return apple_marketing_feed.answer(seen)
    if "/rss/" in request.url:
        return apple_legacy_feed.answer(seen)
    address = page_address(request.url)
    assert address is not None, request.url
    assert address.chart is not None, request.url
    apps = ranking("app_store", address.country, address.chart, day, seen_by="apple_chart_page", depth=100)
    return chart_page(apps, request.url, is_new=day >= REDESIGNED)


def chart_page(apps: list[MadeUpApp], url: str, *, is_new: bool) -> bytes:
    """A chart page in the older or the newer design."""
    item, around = (_new_item, NEW_PAGE) if is_new else (_old_item, OLD_PAGE)
    items = "".join(item(rank, app) for rank, app in enumerate(apps, start=1))
    return around.format(url=escape(url), items=items).encode()


OLD_PAGE = """<!DOCTYPE html>
<html dir="ltr" lang="en-US"><head><meta charset="utf-8"><title>Top Free iPhone Apps on the App Store</title>
<link rel="canonical" href="{url}"></head><body class="no-js"><main>
<section class="l-content-width section chart">
<h2 class="section__headline">Top Free Apps</h2><ol class="l-row" role="feed">{items}</ol></section></main>
</body></html>
"""
NEW_PAGE = """<!DOCTYPE html>
<html dir="ltr" lang="en-US"><head><meta charset="utf-8"><title>Top Free iPhone Apps on the App Store</title>
<link rel="canonical" href="{url}"></head><body><main>
<section class="shelf svelte-1x7z"><ul class="grid svelte-1x7z">{items}</ul></section>
<section class="shelf"><ul class="grid"><li><h3>Apps we love</h3></li></ul></section></main></body></html>
"""


def _link(app: MadeUpApp) -> str:
    return f"https://apps.apple.com/us/app/app-{app.number}/id{app.store_app_id}"


def _old_item(rank: int, app: MadeUpApp) -> str:
    return (
        f'<li class="l-column--grid small-valign-top"><a href="{_link(app)}" class="we-lockup targeted-link">'
        f'<div class="we-lockup__text"><p class="we-lockup__rank">{rank}</p>'
        f'<div class="we-lockup__title"><div class="we-truncate"><p>\n  {escape(app.name)}\n</p></div></div>'
        f'<div class="we-truncate we-lockup__subtitle">{escape(app.developer)}</div></div></a></li>\n'
    )


def _new_item(rank: int, app: MadeUpApp) -> str:
    return (
        f'<li class="svelte-1x7z"><a href="{_link(app)}"><div class="lockup"><p class="ordinal">{rank}</p>'
        f"<h3>{escape(app.name)}</h3><p>Share what you like</p></div></a></li>\n"
    )
