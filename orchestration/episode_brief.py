"""The page of a detected episode: what moved, when, how much by whose estimate, who led.

Belongs here: queries on the published marts and their print as Markdown; each table stands above its query.
Does not belong here: any figure: all are read, none is written, and what is not published is said to be so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.effects import write_durably
from ingestion.errors import ObservatoryError
from ingestion.settings import Home
from orchestration.episodes import Episode, episodes, find

if TYPE_CHECKING:
    import duckdb

BEFORE_DAYS = 30
"""Days before the first that a page looks at."""


@dataclass(frozen=True)
class Question:
    """A query that answers it. `$platform`, `$geography`, `$first` and `$last` stand for the episode's."""

    title: str
    query: str


QUESTIONS: tuple[Question, ...] = (
    Question(
        "What moved",
        """
        select store, chart, min(store_date) filter (where rank <= 10) as first_top_ten,
          min(rank) as best_rank, min_by(store_date, row(rank, store_date)) as best_day,
          count(*) filter (where rank = 1) as days_seen_at_1,
          count(*) filter (where rank <= 10) as days_seen_in_top_ten,
          max(store_date) filter (where rank <= 25) as last_seen_in_top_25
        from marts.fct_chart_rank_daily
        where platform_id = $platform and country = $geography and store_date between $first and $last
        group by store, chart
        having min(rank) is not null
        order by best_rank, store, chart
        """,
    ),
    Question(
        "When, day by day",
        """
        select store_date, store, chart, rank, rank_status, depth, provenance
        from marts.fct_chart_rank_daily
        where platform_id = $platform and country = $geography and store_date between $first and $last
          and rank_status <> 'not_fetched'
        order by store_date, store, chart
        """,
    ),
    Question(
        "Who led, and who else moved",
        """
        select platform_id, store, chart, min(rank) as best_rank,
          min_by(store_date, row(rank, store_date)) as best_day,
          min(store_date) filter (where rank <= 10) as first_top_ten
        from marts.fct_chart_rank_daily
        where country = $geography and store_date between $first and $last and rank <= 10
        group by platform_id, store, chart
        order by first_top_ten, best_rank, platform_id, store, chart
        """,
    ),
    Question(
        "How much, by whose estimate",
        """
        select platform_id, observed_date, metric, value, unit, provider, confidence, source_url
        from marts.fct_published_metrics
        where platform_id = $platform and geography in ($geography, 'global')
          and observed_date between $first and $last
        order by observed_date, metric, provider
        """,
    ),
    Question(
        "Where the estimates disagree",
        """
        select metric, geography, comparison, first_date, last_date, providers, min_value, max_value,
          round(ratio, 2) as ratio
        from marts.source_agreement
        where platform_id = $platform and geography in ($geography, 'global')
          and first_date <= $last and last_date >= $first and ratio > 1
        order by first_date, metric, comparison
        """,
    ),
    Question(
        "Attention",
        """
        select source, min(attention_date) as first_day, max(attention_date) as last_day,
          max(value) as most, max_by(attention_date, value) as most_on, median(value) as median
        from marts.fct_attention_daily
        where platform_id = $platform and attention_date between $first and $last
        group by source
        order by source
        """,
    ),
    Question(
        "What happened around it",
        """
        select event_date, title
        from marts.dim_event
        where event_date between $first and $last
        order by event_date, title
        """,
    ),
)


class EpisodeError(ObservatoryError):
    """An episode that nobody has detected."""


def write_brief(home: Home, id: str) -> Path:
    """Writes the page `briefs/<id>.md` of a detected episode. Raises `EpisodeError`."""
    episode = find(home, id)
    if episode is None:
        known = ", ".join(one.id for one in episodes(home)) or "none yet"
        raise EpisodeError(
            "was never detected", source=f"episode {id[:60]}", remedy=f"Detected episodes: {known}."
        )
    if not home.published_database.exists():
        raise EpisodeError(
            "cannot be told: nothing is published", source=f"episode {id}", remedy="Run `observatory run`."
        )
    path = home.briefs / f"{episode.id}.md"
    write_durably(path, brief(home.published_database, episode).encode())
    return path


def is_written(home: Home, episode: Episode) -> bool:
    """Whether its page tells of it as it is now: its state, and its days."""
    path = home.briefs / f"{episode.id}.md"
    return path.exists() and _standing(episode) in path.read_text(encoding="utf-8")


def brief(database: Path, episode: Episode) -> str:
    """The page. The same published file and episode give the same page."""
    import duckdb

    with duckdb.connect(str(database), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        return "\n".join(_parts(con, episode)) + "\n"


def _parts(con: duckdb.DuckDBPyConnection, episode: Episode) -> Iterator[str]:
    values = _values(episode)
    end = f"over: {episode.why_closed}" if episode.why_closed else "still going on"
    yield f"# {episode.platform_id} in {episode.geography}, from {episode.first_day}\n"
    yield f"Episode `{episode.id}`, detected {episode.detected_at:%Y-%m-%d %H:%M} UTC; {end}."
    yield f"{_standing(episode)} What showed it:\n"
    yield from (f"- {sign}" for sign in episode.signs)
    yield from (f"\nCould not be asked for: {work}. {told}" for work, told in episode.lacking.items())
    yield f"\nFigures are of {values['first']} to {values['last']}; each table comes from the query below it."
    for question in QUESTIONS:
        yield f"\n## {question.title}\n"
        yield from _answer(con, question, values)


def _standing(episode: Episode) -> str:
    return f"It is {episode.state}, with signs from {episode.first_day} to {episode.last_day}."


def _values(episode: Episode) -> dict[str, str]:
    first = episode.first_day - timedelta(days=BEFORE_DAYS)
    return {
        "platform": episode.platform_id,
        "geography": episode.geography,
        "first": str(first),
        "last": str(episode.last_day),
    }


def _answer(con: duckdb.DuckDBPyConnection, question: Question, values: Mapping[str, str]) -> Iterator[str]:
    import duckdb

    query = textwrap.dedent(question.query).strip()
    for name, value in values.items():
        literal = "'" + value.replace("'", "''") + "'"
        query = query.replace(f"${name}", f"date {literal}" if name in ("first", "last") else literal)
    try:
        cursor = con.execute(query)
        names = [column[0] for column in cursor.description or []]
        rows = cursor.fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        yield f"Not published here: {str(error).splitlines()[0]}"
    else:
        yield from _table(names, rows) if rows else ["Nothing is known."]
    yield f"\n```sql\n{query}\n```"


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    """A value that cannot end its cell, or be taken for a link or markup."""
    if value is None:
        return ""
    text = f"{value:,.10g}" if isinstance(value, float) else str(value)
    for sign in ("\\", "|", "<", "[", "`"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
