"""Texts made comparable: one form for all ways to write the same letters.

Belongs here: Unicode compatibility forms, case, accents of Latin letters, characters that nobody sees, and
the way back to the places in the original. Does not belong here: what is looked for (`ingestion.mentions`).

Accents are taken off Latin letters alone: a Japanese voicing mark or a Hindi vowel makes another letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]+")
_INVISIBLE_MARKS = frozenset({"\u034f", *map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0))})
_HALFWIDTH_MARKS = frozenset("\uff9e\uff9f")


@dataclass(frozen=True)
class Folded:
    """A text in comparable form. `plain` keeps the case, `lower` does not; both have the same length."""

    original: str
    plain: str
    lower: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `plain[start:end]` (not empty) stands in the original."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """The comparable form of a text."""
    if text.isascii():
        return Folded(text, text, text.lower(), range(len(text)), range(1, len(text) + 1))
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        piece = fold_cluster(text[start:end])
        pieces.append(piece)
        starts += [start] * len(piece)
        ends += [end] * len(piece)
    plain = "".join(pieces)
    return Folded(text, plain, _lowered(plain), starts, ends)


def without_accents(pattern: str) -> str:
    """A pattern whose Latin letters have no accents; nothing else in it changes."""
    return _WORD.sub(lambda word: _without_marks(word[0]), pattern)


@lru_cache(maxsize=65536)
def fold_cluster(cluster: str) -> str:
    """The comparable form of one letter with its marks, case kept; empty for what nobody sees."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", cluster) if not is_invisible(c))
    bare = _without_marks(visible)
    # Of a few letters, only the folded form has the same length in both cases.
    return "".join(c if len(c.casefold()) == 1 else _without_marks(c.casefold()) for c in bare)


def is_invisible(character: str) -> bool:
    """Zero-width characters, soft hyphens, direction marks, variation selectors."""
    return unicodedata.category(character) == "Cf" or character in _INVISIBLE_MARKS


def joins(character: str) -> bool:
    """Whether a character makes one letter with what stands before it."""
    return (
        unicodedata.category(character).startswith("M")
        or character in _HALFWIDTH_MARKS
        or "\u1160" <= character <= "\u11ff"  # vowels and finals of Hangul
    )


def _clusters(text: str) -> list[tuple[int, int]]:
    """Start and end of each letter with its marks."""
    clusters: list[tuple[int, int]] = []
    start = 0
    for position in range(1, len(text) + 1):
        if position == len(text) or text[position].isascii() or not joins(text[position]):
            clusters.append((start, position))
            start = position
    return clusters


def _without_marks(text: str) -> str:
    """Text without the marks on ASCII letters."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFD", text):
        is_mark = unicodedata.category(character).startswith("M")
        if not (is_mark and kept and kept[-1].isascii() and kept[-1].isalpha()):
            kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def _lowered(plain: str) -> str:
    lower = plain.casefold()
    if len(lower) == len(plain):
        return lower
    return "".join(c.casefold() if len(c.casefold()) == 1 else c for c in plain)
