"""What sources of articles have in common: titles, days of publication, and the platforms that are named.

Belongs here: what at least two sources do with the parts of an article. Does not belong here: how an upstream
gives them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from ingestion.mentions import Matcher, Mention
from ingestion.source import Row

ARTICLES, MENTIONS = "articles", "article_mentions"
ANY_HOST = "*"
"""In `Source.hosts`: any public host; `ingestion.http` says the same."""

FIRST_YEAR, LAST_YEAR = 1990, 2200
"""Years beyond these are mistakes."""

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_HAS_TIME = re.compile(r"\d{1,2}:\d{2}")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\s*$")
_ZONE_NAME = re.compile(r"(?<![A-Za-z])([A-Z]{1,5})\s*$")
_ZONES = {"Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5} | {
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}
"""Names of zones that RFC 822 defines, in hours from UTC. All others stand for several zones."""


@dataclass(frozen=True)
class Published:
    """When an article was published, as far as that can be told; `note` says what is missing."""

    day: date | None = None
    at: datetime | None = None
    precision: str = "unknown"
    note: str | None = None

    @property
    def columns(self) -> Row:
        """The columns of `articles` that say so."""
        return {
            "published_date": self.day,
            "published_at": self.at,
            "published_precision": self.precision,
        }


def published(written: str, moment: datetime, zone: str | None) -> Published:
    """What a date says.

    `written` as the upstream gives it; `moment` what it was read as: in UTC where it names its zone, as on
    the clock where not. `zone`: the outlet's own (IANA), in which days are counted and bare times are read.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return unreadable(written)
    own = ZoneInfo(zone) if zone else None
    if not _HAS_TIME.search(written):
        return Published(day=moment.date(), precision="day")
    offset = _offset(written)
    if offset is not None:
        at = moment.replace(tzinfo=UTC)
        return Published(day=at.astimezone(own or offset).date(), at=at, precision="minute")
    if own is not None:
        return Published(day=moment.date(), at=moment.replace(tzinfo=own).astimezone(UTC), precision="minute")
    named = _ZONE_NAME.search(written)
    note = f"the zone {named[1]} stands for several" if named else "the time has no zone"
    return Published(day=moment.date(), precision="day", note=f"{note}: {written.strip()[:40]}")


def unreadable(written: str) -> Published:
    """A date that says nothing."""
    return Published(note=f"the date cannot be read: {' '.join(written.split())[:40]}")


def _offset(written: str) -> timezone | None:
    if found := _OFFSET.search(written):
        away = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if away < timedelta(hours=24):
            return timezone(-away if found[1] == "-" else away)
    if (named := _ZONE_NAME.search(written)) and named[1] in _ZONES:
        return timezone(timedelta(hours=_ZONES[named[1]]))
    return None


def plain_title(title: str, *, is_html: bool = False) -> str | None:
    """A title as one line of text; None for none."""
    if is_html:
        title = _TAG.sub("", title)
    return " ".join(html.unescape(title).split()) or None


def mention_rows(article: Row, mentions: Sequence[Mention], found_in: str) -> list[Row]:
    """Rows of `article_mentions`: one for each platform, with the name that comes first."""
    first = {mention.platform_id: mention for mention in reversed(mentions)}
    return [
        {
            "article_id": article["article_id"],
            "platform_id": platform_id,
            "alias": mention.alias,
            "found_in": found_in,
            "mentions": sum(other.platform_id == platform_id for other in mentions),
            "context": mention.context,
            "published_date": article.get("published_date"),
        }
        for platform_id, mention in sorted(first.items())
    ]


def title_mentions(article: Row, matcher: Matcher) -> list[Row]:
    """Rows of `article_mentions` for the title of an article."""
    title, language = article.get("title"), article.get("language")
    if not isinstance(title, str):
        return []
    return mention_rows(
        article, matcher.find(title, language if isinstance(language, str) else None), "title"
    )
