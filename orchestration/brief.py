"""The page of an episode: what the published marts say of it, in Markdown, each figure with its query.

Belongs here: running queries, and turning rows into sentences and tables. Does not belong here: what is asked
and how it is told (`orchestration.brief_sections`), and any figure: all are read from the published file.
The same file gives the same page.
"""

from __future__ import annotations

import datetime as dt
import string
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import ObservatoryError

if TYPE_CHECKING:
    import duckdb

EPISODE = "$episode"
"""Stands for the episode's id in queries."""

UNREADABLE = {
    "app_store": "App Store",
    "google_play": "Google Play",
    "top_free_overall": "all free apps",
    "top_free_apps": "free apps without games",
    "top_free_social": "free social apps",
    "app_store+google_play": "both stores together",
    "same_day": "figures of one day or year",
    "neighbouring_days": "figures of neighbouring days",
    "overlapping_falls": "falls over days that overlap",
    "True": "yes",
    "False": "no",
}
"""Values that people do not say, and what they say instead."""


class BriefError(ObservatoryError):
    """A page that cannot be written."""


@dataclass(frozen=True)
class Figure:
    """One query, and how its rows are told.

    `told` is the sentence of a row, with its columns in braces; a column that is NULL makes it `untold`
    instead. Without `told` the rows are a table. `none` is said where there is no row.
    """

    query: str
    none: str
    told: str | None = None
    untold: str | None = None
    lead: str = ""


@dataclass(frozen=True)
class Section:
    """A question, and the figures that answer it."""

    title: str
    figures: tuple[Figure, ...]
    lead: str = ""


@dataclass(frozen=True)
class Answer:
    """The rows of a figure, or why there are none."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    problem: str | None = None


def write_brief(database: Path, episode: str) -> str:
    """The page of `episode`, from a published file.

    Raises BriefError where the file knows no such episode.
    """
    import duckdb

    from orchestration.brief_sections import KNOWN, SECTIONS, TITLE

    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        known = [name for (name,) in _answer(connection, KNOWN, episode).rows]
        if episode not in known:
            raise BriefError(
                f"no episode is called {episode}",
                source="observatory brief",
                remedy=f"Name one that is published: {', '.join(known)}"
                if known
                else "Run `observatory run`",
            )
        title = _answer(connection, TITLE, episode).rows
        parts = [_head(title[0][0] if title else episode, episode)]
        for section in SECTIONS:
            parts.append(f"## {section.title}")
            parts += [section.lead] if section.lead else []
            for figure in section.figures:
                parts += _figure(figure, _answer(connection, figure.query, episode), episode)
    return "\n\n".join(parts) + "\n"


def _query(query: str, episode: str) -> str:
    from orchestration.brief_sections import SHARED

    text = textwrap.dedent(query).strip()
    for name, part in SHARED.items():
        text = text.replace(name, part)
    return text.replace(EPISODE, "'" + episode.replace("'", "''") + "'")


def _answer(connection: duckdb.DuckDBPyConnection, query: str, episode: str) -> Answer:
    """Rows of a query; a file that was published without a table or column gives the reason instead."""
    import duckdb

    try:
        cursor = connection.execute(_query(query, episode))
        return Answer(tuple(column[0] for column in cursor.description or []), tuple(cursor.fetchall()))
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        return Answer((), (), str(error).splitlines()[0].partition(": ")[2] or str(error))


def _head(title: str, episode: str) -> str:
    return (
        f"# {title}\n\n"
        f"Episode `{episode}`. Written by `observatory brief {episode}` from the published marts. "
        "Each figure is read by the query that stands below it. "
        "What each mart can and cannot say: [statistics.md](statistics.md). "
        "Confidence: A is a named primary or wire source, or two outlets; B one secondary outlet; C weak."
    )


def _figure(figure: Figure, answer: Answer, episode: str) -> list[str]:
    """Markdown of a figure: what it says, then its query."""
    if answer.problem is not None:
        said = [f"Not told: {answer.problem}."]
    elif not answer.rows:
        said = [figure.none]
    elif figure.told is None:
        said = [*([figure.lead] if figure.lead else []), _table(answer)]
    else:
        lines = [_sentence(figure, dict(zip(answer.columns, row, strict=True))) for row in answer.rows]
        said = [*([figure.lead] if figure.lead else []), "\n".join(f"- {line}" for line in lines)]
    query = _query(figure.query, episode)
    return [*said, f"<details><summary>Query</summary>\n\n```sql\n{query}\n```\n\n</details>"]


def _sentence(figure: Figure, row: Mapping[str, Any]) -> str:
    told = figure.told or ""
    used = [name for _, name, _, _ in string.Formatter().parse(told) if name]
    if figure.untold is not None and any(row[name] is None for name in used):
        told = figure.untold
    return _Words().vformat(told, (), row)


def _table(answer: Answer) -> str:
    heads = [name.replace("_", " ") for name in answer.columns]
    cells = [[row[place] for row in answer.rows if row[place] is not None] for place in range(len(heads))]
    rule = ["---:" if column and all(map(_is_number, column)) else "---" for column in cells]
    lines = [heads, rule, *([words(cell).replace("|", "\\|") for cell in row] for row in answer.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class _Words(string.Formatter):
    """Formats as `str.format` does, and without a format as people write."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return words(value) if not format_spec or value is None else format(value, format_spec)


def words(value: object) -> str:
    """A value as it is read: days in full, instants to the minute, numbers with four digits that count."""
    if isinstance(value, dt.datetime):
        return f"{value.day} {value:%B %Y, %H:%M}"
    if isinstance(value, dt.date):
        return f"{value.day} {value:%B %Y}"
    if _is_number(value):
        return _number(float(str(value)))
    return "" if value is None else UNREADABLE.get(str(value), str(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    is_long = abs(value) >= 10_000
    if value.is_integer() or is_long:
        return f"{value:,.0f}" if is_long else f"{value:.0f}"
    return f"{value:.4g}"
