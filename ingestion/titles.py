"""What tells two titles apart though they share nearly all of their letters.

Belongs here: one spelling for what outlets spell in several ways ("U.S.", "170M"), and the words that make
another story when one of them changes: a number, a negation, a day, a name, or a word for its opposite. Does
not belong here: which articles are compared, and what else makes them copies (`ingestion.syndication`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

_WORD = re.compile(r"\d+\.\d+|[^\W_]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")

_INITIALS = re.compile(r"\b(?:[^\W\d_]\.)+[^\W\d_]\b\.?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NOT = re.compile(r"n['’]t\b", re.IGNORECASE)
_UNITS = {"k": "thousand", "m": "million", "mn": "million", "mln": "million", "bn": "billion", "b": "billion",
          "bln": "billion", "tn": "trillion", "trn": "trillion"}  # fmt: skip
_AMOUNT = re.compile(rf"(?<=\d) ?({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b", re.IGNORECASE)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _numbered(words: str) -> dict[str, str]:
    """Words that count from one, each with its number."""
    return {word: str(number) for number, word in enumerate(words.split(), start=1)}


_COUNTS = _numbered(
    """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty
    """
) | _numbered("uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince")
_AMOUNTS_AND_DAYS = _listed(
    """
    zero thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million
    millions billion billions trillion trillions dozen dozens half twice second third cero cien ciento
    mil miles millon millones docena mitad segundo tercero monday tuesday wednesday thursday friday
    saturday sunday january february march april may june july august september october november december
    today tomorrow yesterday lunes martes miercoles jueves viernes sabado domingo enero febrero marzo abril
    mayo junio julio agosto septiembre octubre noviembre diciembre hoy manana ayer
    """
)
_NEGATIONS = _listed("not no never nor cannot without nobody none nunca jamas sin tampoco")
_MARKS_CJK = frozenset("不未没沒無无非勿莫一二三四五六七八九十百千万萬亿億两兩")
_OPPOSITES = """
    rise fall; rises falls; rose fell; rising falling; up down; gain lose; gains loses; gains losses;
    gained lost; gains falls; jump drop; jumps drops; jumped dropped; surge plunge; surges plunges; soars
    sinks; climb slip; climbs slips; grow shrink; grows shrinks; higher lower; high low; highest lowest;
    increase decrease; increases decreases; increased decreased; win lose; wins loses; won lost; open
    close; opens closes; opened closed; buy sell; buys sells; bought sold; remove restore; removes
    restores; removed restored; add remove; adds removes; more less; more fewer; before after; start end;
    starts ends; begin end; begins ends; uphold overturn; upholds overturns; uphold reject; upholds
    rejects; upheld overturned; upholds strikes; accept reject; accepts rejects; accepted rejected;
    approve reject; approves rejects; approved rejected; support oppose; supports opposes; backs opposes;
    allow ban; allows bans; allowed banned; allow block; allows blocks; join leave; joins leaves; joined
    left; first last; best worst; biggest smallest; most least; with without; for against; in out; on
    off; enter exit; enters exits; confirm deny; confirms denies; confirmed denied; guilty innocent; pass
    fail; passes fails; passed failed; extend end; extends ends; delay enforce; delays enforces; keep
    drop; launch close; launches closes; hire fire; hires fires; return leave; returns leaves; alive
    dead; live dark; men women; man woman; boy girl; boys girls; beat miss; beats misses; rally slump;
    rallies slumps; sube baja; suben bajan; subio bajo; gana pierde; ganan pierden; gano perdio; abre
    cierra; compra vende; aprueba rechaza; permite prohibe; acepta rechaza; antes despues; mas menos;
    mayor menor; con sin; entra sale; confirma niega; apoya rechaza; crece cae; crecen caen; mejor peor
"""
_OPPOSITES_CJK = (
    "涨跌 漲跌 升降 增减 增減 买卖 買賣 胜负 勝負 胜败 开关 開關 进出 進出 多少 前后 前後 高低 男女 上下"
)
_SMALL = _listed(
    "a an the and or but of in on at to for from by with as is are was were be it its this that s"
)


@lru_cache(maxsize=1)
def _opposites() -> frozenset[tuple[str, str]]:
    pairs = [tuple(pair.split()) for pair in _OPPOSITES.split(";")]
    pairs += [(pair[0], pair[1]) for pair in _OPPOSITES_CJK.split()]
    return frozenset((one, other) for pair in pairs for one, other in (pair, pair[::-1]))


@dataclass(frozen=True)
class Title:
    """A title in comparable form; `plain` has no accents and keeps its capitals."""

    plain: str

    @cached_property
    def _cased(self) -> list[str]:
        text = _INITIALS.sub(lambda found: found[0].replace(".", ""), self.plain)
        text = _THOUSANDS.sub("", _NOT.sub(" not", text))
        text = _AMOUNT.sub(lambda found: f" {_UNITS[found[1].lower()]}", text)
        return _WORD.findall(text)

    @cached_property
    def words(self) -> list[str]:
        """Its words without capitals, with one spelling for initials, amounts and "n't"."""
        return [word.casefold() for word in self._cased]

    @cached_property
    def _run_together(self) -> str:
        return "".join(self.words)

    @cached_property
    def different(self) -> frozenset[str]:
        """Words that copies have in common; of Chinese and Japanese, each letter counts as a word."""
        parts = (list(word) if _CJK.search(word) else [word] for word in self.words)
        return frozenset(part for word in parts for part in word)

    @cached_property
    def names(self) -> frozenset[str]:
        """Words in capitals or with one. In a title that is all in capitals, nobody knows."""
        if self.plain.isupper():
            return frozenset()
        return frozenset(word.casefold() for word in self._cased if word[0].isupper()) - _SMALL

    @cached_property
    def marks(self) -> frozenset[str]:
        """Numbers, days and negations, which are the same in all copies."""
        found: set[str] = set()
        for word in self.words:
            if _CJK.search(word):
                found |= {*_NUMBER.findall(word), *_MARKS_CJK.intersection(word)}
            elif any(map(str.isdigit, word)):
                found.add(word)
            elif word in _COUNTS:
                found.add(_COUNTS[word])
            elif word in _AMOUNTS_AND_DAYS:
                found.add(word)
            elif word in _NEGATIONS:
                found.add("not")
        return frozenset(found)


def tell_apart(one: Title, other: Title) -> bool:
    """Whether a word that one title has instead of the other's makes it another story."""
    if one.marks != other.marks:
        return True
    first, second = one.different - other.different, other.different - one.different
    if not first or not second:
        return False
    return _are_opposite(first, second) or bool(
        _other_names(first & one.names, other) and _other_names(second & other.names, one)
    )


def _are_opposite(first: frozenset[str], second: frozenset[str]) -> bool:
    opposites = _opposites()
    return any(
        (one, other) in opposites
        or one in (f"un{other}", f"dis{other}")
        or other in (f"un{one}", f"dis{one}")
        for one in first
        for other in second
    )


def _other_names(names: frozenset[str], other: Title) -> list[str]:
    """Names that the other title has in no other form: "RedNote" is in "Red Note", "China" in "Chinas"."""
    return [name for name in names if len(name) < 3 or name not in other._run_together]
