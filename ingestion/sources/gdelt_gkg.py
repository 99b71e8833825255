"""GDELT's Global Knowledge Graph 2.1: what the world's news wrote, in files of a quarter of an hour each.

Two editions: news in English, and news in 65 other languages that GDELT translated. Each has a file for each
quarter of an hour since 18 February 2015, 23:00 UTC: about 5 and 12 MB zipped, 20 MB and more unpacked, 1,000
and 3,500 articles. No key, no published limits. The files are asked from Google's storage, where GDELT keeps
them: its own host has no certificate of its own. Format: the GKG 2.1 codebook, and `ingestion.gkg`.

File names follow from the time, so a past day is asked by names; the master list (above 100 MB) says no more.
Only for a day that is not over the list of the newest files is asked: it says how far GDELT has come, and
gives checksums. A file that does not exist is a gap: its counts are NULL, and it is asked again the next day.

`DATE` is the batch in which GDELT saw an article, not its publication. Titles of the translated edition are
in their own language, its entities in English. Title, entities and address are searched; there is no text.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from ingestion.gkg import Candidate, Sifted, Unpacked, sieve_pattern, sift, unpacked
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
from ingestion.sources._documents import expect_status
from ingestion.sources._gdelt import STAMP, STEP, language_code, moment, words_of_path
from ingestion.syndication import article_id, host_of
from ingestion.watchlist import Watchlist

UPSTREAM = "GDELT"
HOST = "storage.googleapis.com"
BASE = f"https://{HOST}/data.gdeltproject.org/gdeltv2"
FIRST_BATCH = datetime(2015, 2, 18, 23, 0, tzinfo=UTC)
USUAL_DELAY = timedelta(minutes=45)
"""How old a batch is before its files are there for certain, the translated one last."""

MAX_PACKED_BYTES = 128 * MEBIBYTE
MAX_UNPACKED_BYTES = 512 * MEBIBYTE
GAP = "GDELT has no file for this quarter of an hour"
NO_TIME = "the day on which GDELT saw it; the page gives no time"


@dataclass(frozen=True)
class Edition:
    """One of the two series of files. `language`: of articles that do not name theirs."""

    name: str
    signal: str
    suffix: str
    newest: str
    language: str | None


EDITIONS = {
    edition.name: edition
    for edition in (
        Edition("en", "gdelt_gkg_en", ".gkg.csv.zip", "lastupdate.txt", "en"),
        Edition(
            "translated",
            "gdelt_gkg_translated",
            ".translation.gkg.csv.zip",
            "lastupdate-translation.txt",
            None,
        ),
    )
}


# --- what to ask ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A file on a list of GDELT."""

    batch: datetime
    suffix: str
    size: int
    md5: str


def ask(asking: Asking) -> Questions:
    """Every file of every day of the window, as far as GDELT has come."""
    now = asking.now.astimezone(UTC)
    listed: dict[str, Listed] = {}
    if _end_of(asking.window.last) > now - USUAL_DELAY:
        answers = yield [_list_request(edition, now.date()) for edition in EDITIONS.values()]
        for edition, answer in zip(EDITIONS.values(), answers, strict=True):
            newest = [one for one in _listed_in(answer) if one.suffix == edition.suffix]
            listed |= {edition.name: max(newest, key=lambda one: one.batch)} if newest else {}
    for day in asking.window.days():
        requests = [
            _file_request(edition, batch, listed.get(edition.name))
            for batch in _batches(day)
            for edition in EDITIONS.values()
            if FIRST_BATCH <= batch <= _newest(listed.get(edition.name), now)
        ]
        if requests:
            yield requests


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _batches(day: date) -> Iterator[datetime]:
    for number in range(timedelta(days=1) // STEP):
        yield _end_of(day) - timedelta(days=1) + number * STEP


def _newest(listed: Listed | None, now: datetime) -> datetime:
    """The last batch whose file can be there."""
    return min(listed.batch, now) if listed else now - USUAL_DELAY


def _list_request(edition: Edition, day: date) -> Request:
    return Request(
        url=f"{BASE}/{edition.newest}",
        kind=Kind.TEXT,
        day=day,
        labels={"edition": edition.name},
        max_bytes=MEBIBYTE,
        max_unpacked_bytes=MEBIBYTE,
    )


def _file_request(edition: Edition, batch: datetime, listed: Listed | None) -> Request:
    labels = {"edition": edition.name, "batch": batch.strftime(STAMP)}
    if listed and listed.batch == batch:
        labels["md5"] = listed.md5
    return Request(
        url=f"{BASE}/{batch:{STAMP}}{edition.suffix}",
        kind=Kind.ZIP,
        day=batch.date(),
        labels=labels,
        max_bytes=MAX_PACKED_BYTES,
        max_unpacked_bytes=MAX_UNPACKED_BYTES,
        missing_is_answer=True,
    )


# --- lists of files -------------------------------------------------------------------------------

_LISTED = re.compile(
    r"(?P<size>\d+)\s+(?P<md5>[0-9a-f]{32})\s+https?://\S+/(?P<batch>\d{14})(?P<suffix>\.\S+)", re.IGNORECASE
)


def listed_files(text: str) -> tuple[list[Listed], list[tuple[int, str]]]:
    """The files on a list (`size md5 url`, a line each), and the lines that name none, with their numbers.

    Names are spelled in either case (`.export.CSV`, `.gkg.csv`).
    """
    files: list[Listed] = []
    odd: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LISTED.fullmatch(line.strip())
        batch = moment(found["batch"]) if found else None
        if found and batch:
            files.append(Listed(batch, found["suffix"].lower(), int(found["size"]), found["md5"].lower()))
        elif line.strip():
            odd.append((number, line))
    return files, odd


def _listed_in(answer: Answer | None) -> list[Listed]:
    return listed_files(answer.content().decode(errors="replace"))[0] if answer else []


def _read_list(answer: Answer) -> Parsed:
    """A list brings no rows; lines that name no file are broken pieces."""
    files, odd = listed_files(answer.content().decode(errors="replace"))
    if not files:
        raise WrongAnswerError(f"{UPSTREAM}'s list of the newest files names none", is_retriable=True)
    broken = [Broken("news_volume", number, line, "the line names no file") for number, line in odd]
    return Parsed({}, broken)


# --- what a file says -----------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """Articles that name a watched platform, their mentions, and both counts for each platform of the file.

    A piece is a line of the file: a record of an article, with or without a match; a record of an address
    that came before, or without an address, which the note of the counts tells; or broken.
    """
    expect_status(answer, UPSTREAM)
    labels = answer.request.labels
    edition = EDITIONS[labels["edition"]]
    if "batch" not in labels:
        return _read_list(answer)
    tools = _tools(watchlist.model_dump_json())
    if answer.status == 404:
        return Parsed({"news_volume": _volume_rows(answer, edition, tools, None)})
    _check_sum(answer)
    with unpacked(answer.path, answer.request.max_unpacked_bytes) as records:
        sifted = sift(records.path, tools.pattern)
    matched = _Matched(edition, tools, answer.request.day)
    for candidate in sifted.candidates:
        matched.add(candidate)
    counts = _Counts(sifted, records, matched)
    rows = {
        "articles": list(matched.articles.values()),
        "article_mentions": matched.mentions,
        "news_volume": _volume_rows(answer, edition, tools, counts),
    }
    return Parsed(rows, [Broken("articles", line.position, line.text, line.reason) for line in records.odd])


@dataclass(frozen=True)
class _Tools:
    """What the watchlist comes to. `platforms`: those that have a name to look for."""

    pattern: str
    matcher: Matcher
    platforms: tuple[str, ...]
    known: dict[str, tuple[Mention, ...]] = field(default_factory=dict)

    def of_name(self, name: str) -> tuple[Mention, ...]:
        """Mentions in the name of an entity; news has few names, again and again."""
        if name not in self.known:
            if len(self.known) >= KNOWN_NAMES:
                self.known.clear()
            self.known[name] = tuple(self.matcher.find(name, ENTITY_LANGUAGE))
        return self.known[name]


ENTITY_LANGUAGE = "en"
KNOWN_NAMES = 20_000


@lru_cache(maxsize=2)
def _tools(watched: str) -> _Tools:
    watchlist = Watchlist.model_validate_json(watched)
    platforms = tuple(name for name, platform in watchlist.platforms.items() if platform.aliases)
    return _Tools(sieve_pattern(watchlist), Matcher.from_watchlist(watchlist), platforms)


def _check_sum(answer: Answer) -> None:
    expected = answer.request.labels.get("md5")
    if expected is None:
        return
    with answer.path.open("rb") as content:
        digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != expected:
        raise WrongAnswerError(
            f"the file has the MD5 {digest}; {UPSTREAM}'s list gives {expected}", is_retriable=True
        )


# --- counts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Counts:
    """What was in a file, and what of it named a platform."""

    sifted: Sifted
    records: Unpacked
    matched: _Matched

    def note(self) -> str | None:
        """What is in the file beside different articles."""
        parts = (
            (self.sifted.repeated, "of an address that came before"),
            (self.sifted.citations, "without an address"),
            (len(self.records.odd), "broken"),
            (self.records.repaired, "with bytes that are no UTF-8"),
        )
        told = [f"{count} {what}" for count, what in parts if count]
        lines = self.records.records + len(self.records.odd)
        return f"of {lines} records: {', '.join(told)}" if told else None


def _volume_rows(answer: Answer, edition: Edition, tools: _Tools, counts: _Counts | None) -> list[Row]:
    """A row for each platform that was looked for: 0 is a count, NULL is a gap."""
    common: Row = {
        "signal": edition.signal,
        "subject_type": "platform",
        "news_date": answer.request.day,
        "day_zone": "UTC",
        "batch": answer.request.labels["batch"],
        "item_kind": "articles",
        "monitored_items": counts.sifted.articles if counts else None,
        "source_url": answer.request.url,
        "note": counts.note() if counts else GAP,
    }
    return [
        {
            **common,
            "subject_id": platform,
            "matching_items": len(counts.matched.outlets[platform]) if counts else None,
            "distinct_outlets": len(set(counts.matched.outlets[platform])) if counts else None,
        }
        for platform in tools.platforms
    ]


# --- articles and mentions ------------------------------------------------------------------------


@dataclass
class _Matched:
    """Articles of one file that name a platform. `outlets`: of each article that names it."""

    edition: Edition
    tools: _Tools
    day: date
    articles: dict[str, Row] = field(default_factory=dict)
    mentions: list[Row] = field(default_factory=list)
    outlets: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outlets = {platform: [] for platform in self.tools.platforms}

    def add(self, candidate: Candidate) -> None:
        """Adds an article, unless it names no platform or came before."""
        language = _language(candidate, self.edition)
        found = _found(candidate, language, self.tools)
        if not found:
            return
        name = article_id(candidate.url)
        if name in self.articles:
            return
        article = {"article_id": name, "url": candidate.url, **_article(candidate, language, self.day)}
        self.articles[name] = article
        for platform, mention in found.items():
            self.outlets[platform].append(str(article["outlet"]))
            self.mentions.append(
                {
                    "article_id": name,
                    "platform_id": platform,
                    "alias": mention.alias,
                    "found_in": mention.found_in,
                    "mentions": mention.times,
                    "context": mention.context,
                    "published_date": article["published_date"],
                }
            )


def _language(candidate: Candidate, edition: Edition) -> str | None:
    told = re.match(r"srclc:(\w+)", candidate.translation)
    return language_code(told[1]) if told else edition.language


def _article(candidate: Candidate, language: str | None, day: date) -> Row:
    seen = moment(candidate.batch)
    seen_on = seen.date() if seen else day
    published = moment(candidate.published)
    note = None if published else NO_TIME
    if candidate.published and (published is None or (seen and published > seen + STEP)):
        note = f"the day on which GDELT saw it; the page gives the time {candidate.published[:40]}"
        published = None
    tone, words = _tone(candidate.tone)
    return {
        "outlet": candidate.outlet.strip() or host_of(candidate.url),
        "language": language,
        "published_date": published.date() if published else seen_on,
        "published_at": published,
        "published_precision": "minute" if published else "day",
        "title": " ".join(candidate.title.split()) or None,
        "tone_score": tone,
        "word_count": words,
        "note": note,
    }


def _tone(column: str) -> tuple[object, object]:
    """Tone and words of `tone,positive,negative,polarity,activity,self,words`; None where there is none."""
    parts = [part.strip() for part in column.split(",")]
    return parts[0] or None, (parts[6] or None) if len(parts) > 6 else None


@dataclass(frozen=True)
class _Found:
    """A platform in an article. `times`: in the field that names it most; fields repeat each other."""

    alias: str
    found_in: str
    times: int
    context: str | None


def _found(candidate: Candidate, language: str | None, tools: _Tools) -> dict[str, _Found]:
    """Platforms that an article names, each where it is named first: title, entities, address."""
    found: dict[str, _Found] = {}
    if candidate.has_title_hit:
        _merge(found, "title", tools.matcher.find(candidate.title, language))
    if candidate.has_entity_hit:
        for mentions in _in_entities(candidate, tools):
            _merge(found, "entities", mentions)
    if candidate.has_page_hit:
        _merge(found, "url", tools.matcher.find(words_of_path(candidate.url)))
    return found


def _merge(found: dict[str, _Found], place: str, mentions: Sequence[Mention]) -> None:
    times = Counter(mention.platform_id for mention in mentions)
    for mention in mentions:
        held = found.get(mention.platform_id)
        first = held or _Found(mention.alias, place, 0, mention.context)
        most = max(first.times, times[mention.platform_id])
        found[mention.platform_id] = _Found(first.alias, first.found_in, most, first.context)


def _in_entities(candidate: Candidate, tools: _Tools) -> Iterator[Sequence[Mention]]:
    """Mentions in each column of entities.

    A name mostly speaks for itself; where one does not, as Threads, it is read among its neighbours.
    """
    hits = {_name(entry) for entry in candidate.hits}
    for column in (candidate.organizations, candidate.persons, candidate.names):
        if column.isascii() and not any(hit in column for hit in hits):
            continue
        names = [_name(entry) for entry in column.split(";") if entry]
        settled = [tools.of_name(name) for name in names if name in hits]
        if all(settled) and column.isascii():
            yield [mention for mentions in settled for mention in mentions]
        else:
            yield tools.matcher.find(", ".join(names), ENTITY_LANGUAGE)


def _name(entry: str) -> str:
    """An entity without its offset."""
    return entry.rpartition(",")[0] or entry


SOURCE = Source(
    name="gdelt_gkg",
    group="news",
    description="GDELT GKG 2.1: the world's news in English and translated, by the quarter of an hour.",
    tables=("articles", "article_mentions", "news_volume"),
    hosts=(HOST,),
    pace=Pace(requests_per_minute=240, at_once=4),
    day_zone="UTC",
    ask=ask,
    read=read,
    look_back_days=1,
)
