"""How well platforms are recognised: precision and recall on labelled headlines.

Belongs here: reading the labels, counting, and the lines of `make bench`. The headlines are of the
developers' own making. A headline's `platforms` are all that it names; `split` says whether the rules were
tuned on it (`dev`) or not (`test`).

Kinds of headlines that name what is meant: `plain` names, `script` (other scripts), `form` (hashtags,
possessives, hyphens, odd characters), `context` (names that are also words), `several`. Kinds of hard
negatives: `word` (the ordinary word), `other` (something else of that name), `inside` (part of a longer
word), `similar` (another product), `about` (the subject without a name), `mixed` (beside a true name).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ingestion.mentions import Matcher
from ingestion.settings import PROJECT_ROOT, WATCHLIST
from ingestion.watchlist import parse_watchlist
from tests.bench.report import Line

HEADLINES = PROJECT_ROOT / "tests" / "fixtures" / "mentions" / "headlines.csv"
NEGATIVE_KINDS = frozenset({"word", "other", "inside", "similar", "about", "mixed"})
PRECISION_TARGET = 0.97
RECALL_TARGET = 0.95


@dataclass(frozen=True)
class Headline:
    """A headline and the platforms that it names."""

    text: str
    language: str
    platforms: frozenset[str]
    kind: str
    split: str


@dataclass(frozen=True)
class Score:
    """Counts over headlines: platforms named and found, found but not named, named but not found."""

    headlines: int
    right: int
    false: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Share of the found platforms that are named; None where none was found."""
        found = self.right + self.false
        return self.right / found if found else None

    @property
    def recall(self) -> float | None:
        """Share of the named platforms that were found; None where none is named."""
        named = self.right + self.missed
        return self.right / named if named else None


def headlines(path: Path = HEADLINES) -> list[Headline]:
    """All labelled headlines."""
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            Headline(
                text=row["headline"],
                language=row["language"],
                platforms=frozenset(filter(None, row["platforms"].split("|"))),
                kind=row["kind"],
                split=row["split"],
            )
            for row in csv.DictReader(lines)
        ]


def shipped_matcher() -> Matcher:
    """The matcher of the watchlist that comes with the project."""
    return Matcher.from_watchlist(parse_watchlist(WATCHLIST.read_bytes()))


def score(matcher: Matcher, labelled: Iterable[Headline]) -> Score:
    """Counts; languages are not told to the matcher, as on the command line."""
    total = right = false = missed = 0
    for headline in labelled:
        found = {mention.platform_id for mention in matcher.find(headline.text)}
        total += 1
        right += len(found & headline.platforms)
        false += len(found - headline.platforms)
        missed += len(headline.platforms - found)
    return Score(total, right, false, missed)


def scores(matcher: Matcher, labelled: Sequence[Headline], by: Callable[[Headline], str]) -> dict[str, Score]:
    """A score for each value of `by`, in the order in which they come."""
    return {
        group: score(matcher, [headline for headline in labelled if by(headline) == group])
        for group in dict.fromkeys(map(by, labelled))
    }


def main() -> int:
    """Prints the scores; 1 if those of the test split miss their targets."""
    matcher, labelled = shipped_matcher(), headlines()
    console = Console()
    for split in ("dev", "test"):
        part = [headline for headline in labelled if headline.split == split]
        groups = {
            "all": score(matcher, part),
            **scores(matcher, part, lambda headline: headline.language),
            **scores(matcher, part, lambda headline: headline.kind),
        }
        console.print(table_of(split, groups))
    tested = score(matcher, [headline for headline in labelled if headline.split == "test"])
    return 0 if is_good(tested) else 1


def is_good(tested: Score) -> bool:
    """Whether a score meets the targets."""
    return (tested.precision or 0) >= PRECISION_TARGET and (tested.recall or 0) >= RECALL_TARGET


def lines() -> list[Line]:
    """The scores of the test split for `make bench`, in all and by language."""
    matcher = shipped_matcher()
    tested = [headline for headline in headlines() if headline.split == "test"]
    by_language = scores(matcher, tested, lambda headline: headline.language)
    whole = score(matcher, tested)
    return [
        Line(
            "mentions: precision / recall",
            f"{share(whole.precision)} / {share(whole.recall)}",
            f"at least {PRECISION_TARGET} / {RECALL_TARGET}",
            is_good(whole),
        ),
        *(
            Line(
                f"  {language}: {counts.headlines} headlines",
                f"{share(counts.precision)} / {share(counts.recall)}",
            )
            for language, counts in by_language.items()
        ),
    ]


def table_of(split: str, groups: dict[str, Score]) -> Table:
    """Scores as a table."""
    table = Table(title=f"Mentions, {split} split", title_justify="left")
    for column in ("headlines", "", "named", "found", "false", "missed", "precision", "recall"):
        table.add_column(column, justify="left" if column == "headlines" else "right")
    for group, counts in groups.items():
        table.add_row(
            group,
            str(counts.headlines),
            str(counts.right + counts.missed),
            str(counts.right + counts.false),
            str(counts.false),
            str(counts.missed),
            share(counts.precision),
            share(counts.recall),
        )
    return table


def share(value: float | None) -> str:
    """A share as people read it."""
    return "" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
