"""Which platforms a text names, by which of their names, and where.

Belongs here: finding the aliases of the watchlist in headlines, lists of entities and texts. Does not belong
here: the names themselves and the words around them that settle a doubt (`ingestion/watchlist.yaml`).

What counts as the name of a platform:

- whole tokens: not UpScrolled in "PopupScrolled". Where scripts meet, a token ends ("用TikTok的人"), and
  Chinese, Japanese and Korean names need no bounds at all.
- forms of a name: possessives, compounds with a hyphen, hashtags (#TikTokRefugees, #tiktokban), CamelCase
  (TikTokRefugees), the plural ("ten TikToks"), full-width, accented and invisible characters.
- not words made of it: a TikToker or YouTuber is a person, "instagrammable" a taste.
- a name that is also a word (`ambiguous`) counts where its `context` stands near it, and never in a compound
  with a hyphen (Star-Telegram), but for "-like", "-style" and the like.
- `unless` takes back what is the name of something else ("Galaxy Z Flip"), or of another product by way of a
  comparison ("the Chinese Instagram").
- Of overlapping names the longest counts: 抖音国际版 is TikTok, 抖音 alone is nobody on the watchlist.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TextIO

from ingestion.contexts import DOUBTFUL_MARK, ITSELF_MARK, NAME_MARK, PLATFORM_MARK, compiled
from ingestion.folding import Folded, fold, fold_cluster
from ingestion.watchlist import Alias, Watchlist

NEAR = 160
"""How many characters on each side of a name can be its context."""
BOUNDED = 3
"""Names of so few letters must be whole tokens even for a first glance."""
HASHTAG_LETTERS = 6
"""Names of so many letters count inside a hashtag that does not mark where its words begin."""

_SEPARATOR = r"[\s\-‐‑‒–—·,:]{1,3}"
_MOJIBAKE_QUOTES = frozenset("âāÂÃ¡")
"""What is left of a curly quote that was read in the wrong encoding: "TikTokâs parent company"."""
_PLURAL = re.compile(r"s(?![^\W_])")
_AMBIGUOUS_COMPOUND = re.compile(r"-(?:like|style|app|apps|user|users|owned|based|alternative|rival)\b")
_DERIVED = re.compile(r"(?:m?er[ao]?s?|r[ao]?s?|m?able|ing|ed|ear|ero|era|book|pad)(?![^\W_])")
_ACCENTED = frozenset([*range(0xC0, 0x250), *range(0x1E00, 0x1F00)])
"""Code points of Latin letters with marks."""
_IDENTICAL_RANGES = ((0x3400, 0xA000), (0xAC00, 0xF900), (0x20000, 0x2F800), (0x2FA20, 0x110000))
"""Code points that are their own comparable form (Chinese, Korean, private use, unassigned)."""


@dataclass(frozen=True)
class Mention:
    """A platform named in a text.

    `alias` is the name as the watchlist writes it, `start` and `end` where it stands in the original text,
    and `context` the words that settled an ambiguous name.
    """

    platform_id: str
    alias: str
    start: int
    end: int
    context: str | None = None


@dataclass(frozen=True)
class _Name:
    """An alias, ready to be looked for. `key` is its longest word in comparable form."""

    platform_id: str
    alias: Alias
    key: str
    pattern: re.Pattern[str]
    context: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    written: str

    @property
    def is_sure(self) -> bool:
        """Whether it needs nothing beside it."""
        return self.context is None

    @property
    def is_loose(self) -> bool:
        """Whether plurals and hashtags may be made of it."""
        return self.is_sure and not self.alias.exact_case


@dataclass(frozen=True)
class _Candidate:
    name: _Name
    start: int
    end: int


@dataclass
class Matcher:
    """Finds platforms in texts. Immutable, so that any number of texts and threads may share one."""

    names: Sequence[_Name]
    _by_language: dict[str | None, list[_Name]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_watchlist(cls, watchlist: Watchlist) -> Matcher:
        """The matcher of all aliases of a watchlist."""
        return cls(
            [
                _name(platform_id, alias)
                for platform_id, platform in watchlist.platforms.items()
                for alias in platform.aliases
            ]
        )

    def find(self, text: str, language: str | None = None) -> list[Mention]:
        """All mentions in a text, in order, none inside another.

        Names of every language are looked for in every text. `language` (ISO 639) only chooses where a
        platform has one name in several languages: its own, else that of all languages; without one, the
        entry that asks for most.
        """
        folded = fold(text)
        candidates = [
            candidate
            for name in self._names_in(language)
            if name.key in folded.lower
            for candidate in _candidates(name, folded)
        ]
        if not candidates:
            return []
        found = _settled(folded, candidates)
        return [
            Mention(
                platform_id=candidate.name.platform_id,
                alias=candidate.name.alias.alias,
                start=folded.span(candidate.start, candidate.end)[0],
                end=folded.span(candidate.start, candidate.end)[1],
                context=context,
            )
            for candidate, context in sorted(found.items(), key=lambda item: item[0].start)
        ]

    def may_match_pattern(self) -> str:
        """A regular expression in RE2 syntax that matches every text in which `find` finds something.

        It also matches others, and is made to be cheap: `regexp_matches(title, pattern)` in DuckDB. Plain
        spellings are listed; what writes a letter in an unusual way is let through by a class of its own.
        """
        return self._prefilter

    @cached_property
    def _prefilter(self) -> str:
        return _prefilter(self.names)

    def _names_in(self, language: str | None) -> list[_Name]:
        if language not in self._by_language:
            chosen: dict[tuple[str, str], _Name] = {}
            for name in self.names:
                key = (name.platform_id, name.pattern.pattern)
                held = chosen.get(key)
                if held is None or _preference(name, language) > _preference(held, language):
                    chosen[key] = name
            self._by_language[language] = list(chosen.values())
        return self._by_language[language]


def recognise_lines(lines: Iterable[str], matcher: Matcher) -> Iterator[dict[str, object]]:
    """One row per mention: `line` (1-based), `platform_id`, `alias`, `start`, `end`, `context`, `headline`.

    A line without a mention has no row. `start` and `end` count characters of `headline`.
    """
    for number, line in enumerate(lines, start=1):
        headline = line.rstrip("\r\n")
        for mention in matcher.find(headline):
            yield {
                "line": number,
                "platform_id": mention.platform_id,
                "alias": mention.alias,
                "start": mention.start,
                "end": mention.end,
                "context": mention.context,
                "headline": headline,
            }


def write_mentions(lines: Iterable[str], matcher: Matcher, out: TextIO) -> None:
    """Writes what would be recognised in headlines, one a line, as CSV with a header."""
    columns = ["line", "platform_id", "alias", "start", "end", "context", "headline"]
    rows = csv.DictWriter(out, columns, lineterminator="\n")
    rows.writeheader()
    rows.writerows(recognise_lines(lines, matcher))


def _name(platform_id: str, alias: Alias) -> _Name:
    words = _words(alias.alias)
    return _Name(
        platform_id=platform_id,
        alias=alias,
        key=max(words, key=len),
        pattern=re.compile(_SEPARATOR.join(map(re.escape, words))),
        context=None if alias.context is None else compiled(alias.context),
        unless=None if alias.unless is None else compiled(alias.unless),
        written=fold(alias.alias).plain,
    )


def _words(alias: str) -> list[str]:
    """The words of a name in comparable form."""
    return [word for word in re.split(_SEPARATOR, fold(alias).lower) if word]


def _preference(name: _Name, language: str | None) -> tuple[bool, bool, bool]:
    """Which entry of one name to use: that of the language, that of all, the one that asks for more."""
    spoken = name.alias.language
    return (
        language is not None and spoken == language,
        language is not None and spoken == "mul",
        not name.is_sure,
    )


# --- tokens ---------------------------------------------------------------------------------------


def _candidates(name: _Name, folded: Folded) -> Iterator[_Candidate]:
    """Where a name stands as a token of its own, whatever it means there."""
    position = 0
    while found := name.pattern.search(folded.lower, position):
        position = found.start() + 1
        start, end = found.span()
        is_token = _begins(name, folded, start) and _ends(name, folded, end)
        if not is_token and name.is_loose:
            is_token = _is_in_hashtag(name, folded, start, end)
        if is_token and _is_cased_right(name, folded, start, end):
            yield _Candidate(name, start, end)


def _is_cased_right(name: _Name, folded: Folded, start: int, end: int) -> bool:
    """Names with `exact_case` stand as they are written; in a text of one case, case says nothing.

    A name in capitals (RED) is no name among capitals, but a single letter (X) is no word there either.
    """
    if not name.alias.exact_case:
        return True
    surface, around = folded.plain[start:end], folded.plain[:start] + folded.plain[end:]
    is_in_capitals = name.written.isupper()
    if re.split(_SEPARATOR, surface) == re.split(_SEPARATOR, name.written):
        return not (is_in_capitals and len(name.written) > 1 and around.isupper())
    is_of_one_case = (surface + around).isupper() or (surface + around).islower()
    return is_of_one_case and bool(around.strip()) and not is_in_capitals


def _begins(name: _Name, folded: Folded, start: int) -> bool:
    if start == 0:
        return True
    before, first = folded.plain[start - 1], folded.plain[start]
    if _binds(before, first, folded.original[folded.starts[start - 1]]):
        return False
    return name.is_sure or not _is_glued(folded.plain[max(0, start - 2) : start][::-1])


def _ends(name: _Name, folded: Folded, end: int) -> bool:
    if end == len(folded.plain):
        return True
    last, after = folded.plain[end - 1], folded.plain[end]
    if not _binds(after, last, folded.original[folded.starts[end]]):
        return name.is_sure or not (
            _is_glued(folded.plain[end : end + 2]) and not _AMBIGUOUS_COMPOUND.match(folded.lower, end)
        )
    if not name.is_loose:
        return False
    return (last.islower() and after.isupper()) or _PLURAL.match(folded.lower, end) is not None


def _binds(neighbour: str, edge: str, original: str) -> bool:
    """Whether a character beside a name makes it part of a longer word: a letter of the same script."""
    if not neighbour.isalnum() or original in _MOJIBAKE_QUOTES:
        return False
    script = _script(edge)
    return script != "none" and (_script(neighbour) == script)


def _is_glued(outward: str) -> bool:
    """Whether a hyphen, dot or the like ties a name to another word; `outward` reads away from the name."""
    return len(outward) == 2 and outward[0] in "-.&+=_" and outward[1].isalnum()


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    """Script of a letter: 'latin' (with digits), 'none' where words have no bounds, else its own name."""
    if character.isascii() or character.isdecimal():
        return "latin"
    script = unicodedata.name(character, "none").split()[0].lower()
    return (
        "none" if script in {"cjk", "hiragana", "katakana", "katakana-hiragana", "hangul", "none"} else script
    )


def _is_in_hashtag(name: _Name, folded: Folded, start: int, end: int) -> bool:
    """Whether a name is one of the words of a hashtag: #SaveTikTok, #tiktokban, #bantiktok."""
    tag = _hashtag_around(folded.lower, start)
    if tag is None or end > tag[1]:
        return False
    if _is_camel_word(folded.plain, start, end, tag):
        return True
    if end - start < HASHTAG_LETTERS:
        return False
    if start == tag[0]:
        return _DERIVED.match(folded.lower, end) is None
    return end == tag[1]


def _hashtag_around(text: str, position: int) -> tuple[int, int] | None:
    """Start and end, without the sign, of the hashtag in which a position lies."""
    start = position
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    if start == 0 or text[start - 1] != "#":
        return None
    end = position
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return start, end


def _is_camel_word(plain: str, start: int, end: int, tag: tuple[int, int]) -> bool:
    begins = start == tag[0] or (plain[start].isupper() and not plain[start - 1].isupper())
    return begins and (end == tag[1] or plain[end].isupper() or plain[end] == "_") and plain[start].isupper()


# --- what the words around a name say -------------------------------------------------------------


def _settled(folded: Folded, candidates: Sequence[_Candidate]) -> dict[_Candidate, str | None]:
    """The candidates that are meant, each with the context that settled it.

    Ambiguous names are judged again as long as others are settled: in "Bluesky, Threads and Mastodon", each
    is context for the next. Two that stand side by side ("Telegram and Signal") settle each other.
    """
    sure = _longest(candidate for candidate in candidates if candidate.name.is_sure)
    found: dict[_Candidate, str | None] = {
        candidate: None
        for candidate in sure
        if candidate.name.unless is None
        or not _is_taken_back(candidate, _around(folded, candidate, sure, ())[0])
    }
    doubtful = [candidate for candidate in candidates if not candidate.name.is_sure]
    while doubtful:
        texts = {candidate: _around(folded, candidate, found, doubtful) for candidate in doubtful}
        doubtful = [candidate for candidate in doubtful if not _is_taken_back(candidate, texts[candidate][0])]
        settled = {
            candidate: context
            for candidate in doubtful
            if (context := _context(folded, candidate, *texts[candidate])) is not None
        }
        if not settled and len(doubtful) == len(texts):
            break
        doubtful = [candidate for candidate in doubtful if candidate not in settled]
        found |= settled
    return {candidate: found[candidate] for candidate in _longest(found)}


def _longest(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Of overlapping candidates the longest, then the first."""
    kept: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.start - c.end, c.start)):
        if not any(_overlap(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def _overlap(one: _Candidate, other: _Candidate) -> bool:
    return one.start < other.end and other.start < one.end


def _is_taken_back(candidate: _Candidate, around: str) -> bool:
    unless = candidate.name.unless
    return unless is not None and unless.search(around) is not None


def _context(folded: Folded, candidate: _Candidate, around: str, offset: int) -> str | None:
    """The words near an ambiguous name that settle it, if there are any."""
    pattern = candidate.name.context
    match = pattern.search(around) if pattern is not None else None
    if match is None:
        return None
    return folded.plain[match.start() + offset : match.end() + offset].strip()


def _around(
    folded: Folded, candidate: _Candidate, found: Iterable[_Candidate], doubtful: Iterable[_Candidate]
) -> tuple[str, int]:
    """The text near a candidate, with itself and other names hidden, and where it starts."""
    start = max(0, candidate.start - NEAR)
    end = min(len(folded.plain), candidate.end + NEAR)
    text = list(folded.plain[start:end])

    def hide(hidden: _Candidate, mark: str) -> None:
        if hidden.start < end and hidden.end > start:
            for position in range(max(hidden.start, start), min(hidden.end, end)):
                text[position - start] = mark

    for other in doubtful:
        if other.name.platform_id != candidate.name.platform_id:
            hide(other, DOUBTFUL_MARK)
    for other in found:
        is_same = other.name.platform_id == candidate.name.platform_id
        hide(other, ITSELF_MARK if is_same else PLATFORM_MARK)
    hide(candidate, NAME_MARK)
    return "".join(text), start


# --- the first glance -----------------------------------------------------------------------------


def _prefilter(names: Iterable[_Name]) -> str:
    """See `Matcher.may_match_pattern`.

    A text is missed by the plain spellings only if a letter of a name is written by a character that folds to
    it in an unusual way, or has something invisible or a mark behind it. Both are classes of their own. Large
    classes make RE2 slow by orders of magnitude, so any accented letter passes for any letter.
    """
    spelled_out = sorted(
        {" ".join(_words(name.alias.alias)) for name in names}, key=lambda text: (len(text), text)
    )
    letters = frozenset("".join(spelled_out)) - {" "}
    bases = letters | {unicodedata.normalize("NFD", letter)[0] for letter in letters}
    plain, unusual = _spellings(bases, spelled_out)
    any_base = _class_of(set().union(*plain.values()))
    odd = rf"[{any_base}][\p{{M}}\p{{Cf}}\x{{ff9e}}\x{{ff9f}}\x{{1160}}-\x{{11ff}}]"
    return "|".join([*(_spelled(text, plain) for text in spelled_out), odd, f"[{_class_of(unusual)}]"])


def _spelled(name: str, plain: Mapping[str, set[int]]) -> str:
    """A name in plain spellings; the shortest must be whole tokens, or they would match everything."""
    if len(name) <= BOUNDED and name.isascii():
        pattern = "".join(f"[{_class_of(plain[letter])}]" for letter in name)
        return rf"(?:^|[^0-9A-Za-z]){pattern}(?:$|[^0-9A-Za-z])"
    return "".join(_letter(letter, plain) for letter in name)


def _letter(letter: str, plain: Mapping[str, set[int]]) -> str:
    if letter == " ":
        return "[^0-9A-Za-z]+"
    if letter.isascii() and letter.isalpha():
        return f"[{letter}{letter.upper()}{_class_of(_ACCENTED)}]"
    return f"[{_class_of(plain[letter])}]"


def _spellings(letters: frozenset[str], names: Sequence[str]) -> tuple[dict[str, set[int]], set[int]]:
    """For each letter the characters that write it plainly, and all that write part of a name unusually."""
    plain = {letter: {ord(letter)} for letter in letters}
    unusual: set[int] = set()
    for code in _folding_code_points():
        character = chr(code)
        folded = fold_cluster(character).casefold()
        is_plain = folded in plain and not unicodedata.decomposition(character).startswith("<")
        if is_plain:
            plain[folded].add(code)
        if is_plain and (not folded.isascii() or character.isascii() or code in _ACCENTED):
            continue
        is_part = folded in plain or (len(folded) > 1 and _may_be_part(folded, names))
        if is_part or (" " in folded and character.isalnum()):
            unusual.add(code)
    return plain, unusual


def _may_be_part(piece: str, names: Sequence[str]) -> bool:
    """Whether several letters from one character may lie in a name, or over its beginning or end."""
    cuts = range(1, len(piece))
    return any(
        piece in name or any(name.startswith(piece[cut:]) or name.endswith(piece[:cut]) for cut in cuts)
        for name in names
    )


def _folding_code_points() -> Iterator[int]:
    """Code points that may fold to something else than themselves."""
    position = 0
    for first, last in _IDENTICAL_RANGES:
        yield from range(position, first)
        position = last


def _class_of(codes: Iterable[int]) -> str:
    """Code points as ranges inside a class of RE2."""
    ranges: list[tuple[int, int]] = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return "".join(
        _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}" for first, last in ranges
    )


def _escaped(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code:x}}}"
