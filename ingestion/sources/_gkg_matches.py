"""Which platforms the records of a GKG file name, and where.

Belongs here: putting the fields of a candidate before the matcher. Does not belong here: finding candidates
(`ingestion.gkg`), what names are (`ingestion.mentions`), and rows (`ingestion.sources.gdelt_gkg`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ingestion.gkg import Candidate, Sifted, sieve_pattern, sift
from ingestion.mentions import Matcher, Mention
from ingestion.sources._gdelt import language_code, words_of_path
from ingestion.watchlist import Watchlist

ENTITY_LANGUAGE = "en"
"""GDELT finds entities in the English translation; titles and addresses are left as they are."""
KNOWN_NAMES = 20_000


@dataclass(frozen=True)
class Named:
    """A platform in an article. `times`: in the field that names it most, since fields repeat each other."""

    alias: str
    found_in: str
    times: int
    context: str | None


@dataclass(frozen=True)
class Match:
    """A record that names at least one platform. `language`: ISO 639, of the title."""

    candidate: Candidate
    language: str | None
    platforms: dict[str, Named]


@dataclass(frozen=True)
class Finder:
    """What the watchlist comes to. `platforms`: those that have a name to look for."""

    pattern: str
    matcher: Matcher
    platforms: tuple[str, ...]
    known: dict[str, tuple[Mention, ...]] = field(default_factory=dict)

    def matches(self, records: Path, language: str | None) -> tuple[Sifted, list[Match]]:
        """The records of a file that name a platform, in order, and what else the file is made of.

        `language` is that of records that do not name theirs.
        """
        sifted = sift(records, self.pattern)
        return sifted, [match for match in (self._match(one, language) for one in sifted.candidates) if match]

    def _match(self, candidate: Candidate, language: str | None) -> Match | None:
        told = _SOURCE_LANGUAGE.match(candidate.translation)
        own = language_code(told[1]) if told else language
        platforms = self._platforms(candidate, own)
        return Match(candidate, own, platforms) if platforms else None

    def _platforms(self, candidate: Candidate, language: str | None) -> dict[str, Named]:
        """Platforms that are named, each where it is named first: title, entities, address."""
        found: dict[str, Named] = {}
        if candidate.has_title_hit:
            _merge(found, "title", self.matcher.find(candidate.title, language))
        if candidate.has_entity_hit:
            for mentions in self._in_entities(candidate):
                _merge(found, "entities", mentions)
        if candidate.has_page_hit:
            _merge(found, "url", self.matcher.find(words_of_path(candidate.url)))
        return found

    def _in_entities(self, candidate: Candidate) -> Iterator[Sequence[Mention]]:
        """Mentions in each column of entities.

        A name mostly speaks for itself; where one does not, as Threads, it is read among its neighbours.
        """
        hits = {_name(entry) for entry in candidate.hits}
        for column in (candidate.organizations, candidate.persons, candidate.names):
            if column.isascii() and not any(hit in column for hit in hits):
                continue
            names = [_name(entry) for entry in column.split(";") if entry]
            settled = [self._in_name(name) for name in names if name in hits]
            if all(settled) and column.isascii():
                yield [mention for mentions in settled for mention in mentions]
            else:
                yield self.matcher.find(", ".join(names), ENTITY_LANGUAGE)

    def _in_name(self, name: str) -> tuple[Mention, ...]:
        """Mentions in one name. News has the same names again and again."""
        if name not in self.known:
            if len(self.known) >= KNOWN_NAMES:
                self.known.clear()
            self.known[name] = tuple(self.matcher.find(name, ENTITY_LANGUAGE))
        return self.known[name]


def finder_of(watchlist: Watchlist) -> Finder:
    """The finder of a watchlist. Kept, since making one takes longer than reading a small file."""
    return _finder(watchlist.model_dump_json())


@lru_cache(maxsize=2)
def _finder(watched: str) -> Finder:
    watchlist = Watchlist.model_validate_json(watched)
    platforms = tuple(name for name, platform in watchlist.platforms.items() if platform.aliases)
    return Finder(sieve_pattern(watchlist), Matcher.from_watchlist(watchlist), platforms)


_SOURCE_LANGUAGE = re.compile(r"srclc:(\w+)")


def _merge(found: dict[str, Named], place: str, mentions: Sequence[Mention]) -> None:
    times = Counter([mention.platform_id for mention in mentions])
    for mention in mentions:
        platform = mention.platform_id
        held = found.get(platform)
        if held is None:
            found[platform] = Named(mention.alias, place, times[platform], mention.context)
        elif held.times < times[platform]:
            found[platform] = replace(held, times=times[platform])


def _name(entry: str) -> str:
    """An entity without its offset."""
    return entry.rpartition(",")[0] or entry
