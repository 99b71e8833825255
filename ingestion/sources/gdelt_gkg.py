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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ingestion.gkg import Candidate, Sifted, Unpacked, unpacked
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
from ingestion.sources._gdelt import STAMP, STEP, moment
from ingestion.sources._gkg_matches import Match, finder_of
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
SEEN_DAY = "the day on which GDELT saw it"
NO_TIME = f"{SEEN_DAY}; the page gives no time"


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
    """Every file of every day of the window, as far as GDELT has come, the newest first: files that fail
    for ever never keep those that nobody has asked for yet from being asked.
    """
    now = asking.now.astimezone(UTC)
    listed: dict[str, Listed] = {}
    if _end_of(asking.window.last) > now - USUAL_DELAY:
        answers = yield [_list_request(edition, now.date()) for edition in EDITIONS.values()]
        for edition, answer in zip(EDITIONS.values(), answers, strict=True):
            newest = [one for one in _listed_in(answer) if one.suffix == edition.suffix]
            listed |= {edition.name: max(newest, key=lambda one: one.batch)} if newest else {}
    for day in reversed(list(asking.window.days())):
        requests = [
            _file_request(edition, batch, listed.get(edition.name))
            for batch in reversed(list(_batches(day)))
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
        is_final=True,
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
    finder = finder_of(watchlist)
    if answer.status == 404:
        return Parsed({"news_volume": _volumes(answer, edition, finder.platforms, None)})
    _check_sum(answer)
    with unpacked(answer.path, answer.request.max_unpacked_bytes) as records:
        sifted, matches = finder.matches(records.path, edition.language)
    counts = _Counts(sifted, records, _articles(matches, answer.request.day))
    rows = {
        "articles": [article for article, _ in counts.articles],
        "article_mentions": [row for article, match in counts.articles for row in _mentions(article, match)],
        "news_volume": _volumes(answer, edition, finder.platforms, counts),
    }
    return Parsed(rows, [Broken("articles", line.position, line.text, line.reason) for line in records.odd])


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
    """What was in a file. `articles`: those that name a platform, each with what it names."""

    sifted: Sifted
    records: Unpacked
    articles: list[tuple[Row, Match]]

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

    def outlets(self, platform: str) -> list[object]:
        """The outlet of each article that names a platform."""
        return [article["outlet"] for article, match in self.articles if platform in match.platforms]


def _volumes(answer: Answer, edition: Edition, platforms: Sequence[str], counts: _Counts | None) -> list[Row]:
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
    rows: list[Row] = []
    for platform in platforms:
        outlets = counts.outlets(platform) if counts else None
        matching = None if outlets is None else len(outlets)
        distinct = None if outlets is None else len(set(outlets))
        rows.append(
            {**common, "subject_id": platform, "matching_items": matching, "distinct_outlets": distinct}
        )
    return rows


# --- articles and mentions ------------------------------------------------------------------------


def _articles(matches: Sequence[Match], day: date) -> list[tuple[Row, Match]]:
    """A row for each article; of several records of one the first."""
    articles: dict[str, tuple[Row, Match]] = {}
    for match in matches:
        name = article_id(match.candidate.url)
        if name not in articles:
            articles[name] = ({"article_id": name, **_article(match, day)}, match)
    return list(articles.values())


def _article(match: Match, day: date) -> Row:
    candidate = match.candidate
    published, seen_on, note = _times(candidate, day)
    tone, words = _tone(candidate.tone)
    return {
        "url": candidate.url,
        "outlet": candidate.outlet.strip() or host_of(candidate.url),
        "language": match.language,
        "published_date": published.date() if published else seen_on,
        "published_at": published,
        "published_precision": "minute" if published else "day",
        "title": " ".join(candidate.title.split()) or None,
        "tone_score": tone,
        "word_count": words,
        "note": note,
    }


def _times(candidate: Candidate, day: date) -> tuple[datetime | None, date, str | None]:
    """When the page says it was published, the day on which GDELT saw it, and what is to be said of that."""
    seen = moment(candidate.batch)
    seen_on = seen.date() if seen else day
    if not candidate.published:
        return None, seen_on, NO_TIME
    published = moment(candidate.published)
    if published is None or (seen and published > seen + STEP):
        return None, seen_on, f"{SEEN_DAY}; the page gives the time {candidate.published[:40]}"
    return published, seen_on, None


def _tone(column: str) -> tuple[str | None, str | None]:
    """Tone and words of `tone,positive,negative,polarity,activity,self,words`; None where there is none."""
    parts = [part.strip() or None for part in column.split(",")]
    return parts[0], parts[6] if len(parts) > 6 else None


def _mentions(article: Row, match: Match) -> Iterator[Row]:
    for platform, named in match.platforms.items():
        yield {
            "article_id": article["article_id"],
            "platform_id": platform,
            "alias": named.alias,
            "found_in": named.found_in,
            "mentions": named.times,
            "context": named.context,
            "published_date": article["published_date"],
        }


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
    is_dated=True,
)
