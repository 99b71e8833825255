"""What an upstream is made of: what to ask for a window, how to read an answer, how polite to be.

Belongs here: the vocabulary that the modules in `ingestion.sources` are written in, as plain data.
Does not belong here: the network (`ingestion.http`), the archive, and the load.

A source asks by a generator: it yields lists of requests, is sent the answers to each list in the same
order (None for one that failed), and may ask again from what they say: pages, or files that a list named.
A source reads by a pure function from one archived answer to rows of raw tables.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.watchlist import Watchlist

MEBIBYTE = 1024 * 1024


class Kind(StrEnum):
    """What the first bytes of an answer must look like; anything else is refused before it is parsed."""

    JSON = "json"
    XML = "xml"
    FEED = "feed"
    HTML = "html"
    TEXT = "text"
    CSV = "csv"
    ZIP = "zip"


@dataclass(frozen=True)
class Window:
    """The days that are asked for, both included, in the source's own zone."""

    first: date
    last: date

    def days(self) -> Iterator[date]:
        """Each day, in order."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=offset)


@dataclass(frozen=True)
class Request:
    """One thing to ask.

    `day` is the day of the window that the answer belongs to: the partition that it lands in. `labels` is
    what the parser must know and the answer does not say (storefront, chart, symbol). `max_bytes` bounds the
    body as sent, `max_unpacked_bytes` what it unpacks to.
    """

    url: str
    kind: Kind
    day: date
    labels: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    max_bytes: int = 32 * MEBIBYTE
    max_unpacked_bytes: int = 256 * MEBIBYTE
    missing_is_answer: bool = False
    """Whether a 404 is an answer to keep and parse (`status` 404), not an error."""
    is_final: bool = False
    """Whether an answer with status 200 never changes: who wants only what is new need not ask again."""
    follows_redirects: bool = True
    """If not, a redirect is an answer to keep, and the source decides whether it asks where that leads."""


_SECRET = re.compile(
    r"(?<=[?&;])((?:x[-_])?(?:(?:api|access|auth|app|client|user|consumer|subscription|private|secret|session|feed)"
    r"[-_]?)?(?:key|token|secret|password|passwd|pwd|signature|sig)=)([^&;#]+)",
    re.IGNORECASE,
)
_USER = re.compile(r"(?<=//)[^/?#@]*@")


def shown(url: str) -> str:
    """An address without the secrets in it: what is told and stored, and what tells questions apart.

    In the place of a key's value stands a mark of it, so that two keys make two addresses.
    """

    def masked(found: re.Match[str]) -> str:
        mark = hashlib.sha256(found[2].encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return f"{found[1]}masked-{mark}"

    return _SECRET.sub(masked, _USER.sub("", url))


@dataclass(frozen=True)
class Answer:
    """A response as it lies in the archive. `fetched_at` is an instant in UTC; `headers` are lower-case."""

    request: Request
    status: int
    headers: Mapping[str, str]
    digest: str
    size_bytes: int
    fetched_at: datetime
    path: Path

    def content(self) -> bytes:
        """The body, as received after transfer decoding."""
        return self.path.read_bytes()


@dataclass(frozen=True)
class Broken:
    """A piece of an answer that is no row: kept in quarantine with the reason.

    `position` is its 1-based place among the pieces of the answer.
    """

    table: str
    position: int
    text: str
    reason: str


Row = dict[str, object]
"""A row of a raw table: columns of the contract to plain values; dates and instants as `date`,
aware `datetime`, or ISO text. `observed_at` is added by the load: when the answer was fetched."""


@dataclass(frozen=True)
class Parsed:
    """What one answer says: rows by table, and the pieces that are no rows. Nothing is left out."""

    rows: Mapping[str, Sequence[Row]]
    broken: Sequence[Broken] = ()


@dataclass(frozen=True)
class Pace:
    """How polite to be to a host: published limits, or less.

    `seconds_between` spaces requests; `at_once` bounds how many are open at a time.
    """

    requests_per_minute: int
    at_once: int = 2
    seconds_between: float = 0.0


@dataclass(frozen=True)
class Asking:
    """What a source may know while it asks."""

    window: Window
    watchlist: Watchlist
    now: datetime


Questions = Generator[Sequence[Request], Sequence["Answer | None"], None]


class WrongAnswerError(Exception):
    """An answer whose bytes are not what the upstream sends when it works.

    `is_retriable`: whether asking again may help (a quota or a page of a load balancer), or not (a changed
    schema). The message says what was seen, without the word 'error'.
    """

    def __init__(self, message: str, *, is_retriable: bool) -> None:
        super().__init__(message)
        self.is_retriable = is_retriable


@dataclass(frozen=True)
class Source:
    """One upstream.

    `tables` are the raw tables that it fills; `hosts` are all that it may ask or be redirected to.
    `look_back_days`: how many days before the window are asked again, to heal what was late or missed.
    `answers_are_whole`: whether an answer is a series in itself, so that what it leaves out, after an earlier
    answer of the day about the same thing (the same labels), is no more: none is mixed with another.
    `is_dated`: whether a past day can be asked, and says what it was. Such a day is complete once it was
    asked after its end and look-back; others only know what is now.
    `failed_look`: for sources of which every look counts, one that finds the same as before and one without
    an answer, too: what is told of the latter. Its answer is empty and has the status 0.
    `asks_by_platform`: requests name apps, pages or names of platforms, so that one can be asked for alone.
    `read` raises WrongAnswerError.
    """

    name: str
    group: str
    description: str
    tables: tuple[str, ...]
    hosts: tuple[str, ...]
    pace: Pace
    day_zone: str
    ask: Callable[[Asking], Questions]
    read: Callable[[Answer, Watchlist], Parsed]
    is_default: bool = True
    look_back_days: int = 0
    is_dated: bool = False
    failed_look: Callable[[Answer], Parsed] | None = None
    answers_are_whole: bool = False
    asks_by_platform: bool = False
    provenance: str = "live"
