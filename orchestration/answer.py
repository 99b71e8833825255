"""What `observatory demo` prints: January 2025, answered from the published file.

Belongs here: questions as queries on public marts, and their print. Figures are read, never written here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "Is it real? RedNote in the US App Store, on the days that somebody looked",
        """
        select strftime(store_date, '%d %b %Y') as store_day, chart, rank, rank_status as status, depth
        from marts.fct_chart_rank_daily
        where platform_id = 'xiaohongshu' and store = 'app_store' and country = 'US'
          and chart in ('top_free_overall', 'top_free_social') and rank_status <> 'not_fetched'
        order by store_date, chart
        """,
    ),
    (
        "Who was seen at number 1 in the US, and how fast did it pass?",
        """
        select platform_id as platform, store,
          strftime(onset_date, '%d %b') as onset,
          strftime(first_number_one_date, '%d %b') as first_1,
          strftime(last_number_one_date, '%d %b') as last_1,
          days_at_number_one as seen_at_1, span_days, round(half_life_days, 2) as half_life_days
        from marts.migration_episodes
        where country = 'US' and chart = 'top_free_overall' and first_number_one_date is not null
        order by days_at_number_one desc, platform_id, store
        """,
    ),
    (
        "How big? RedNote's US users from 19 to 21 January, as each provider tells them",
        """
        select figure, ratio_of_most_to_least from (
          select unnest(string_split(figures, '; ')) as figure, round(ratio, 1) as ratio_of_most_to_least
          from marts.source_agreement
          where platform_id = 'xiaohongshu' and metric = 'users' and geography = 'US'
            and first_date = date '2025-01-19'
        )
        """,
    ),
    (
        "Who gained on the stock market? 13 January and five sessions more, against SPY",
        """
        select symbol, estimation_sessions as sessions, round(beta, 3) as beta,
          round(car, 4) as abnormal_return, round(t_statistic, 2) as t, round(p_value, 3) as p
        from marts.event_study
        where event_date = date '2025-01-13' and window_start = 0 and window_end = 5
        order by abs(t_statistic) desc
        limit 5
        """,
    ),
    (
        "Which claim must not be believed?",
        """
        select metric, value, count(*) as claims, min(verdict) as verdict, min(verdict_reason) as reason
        from marts.fct_claims
        where verdict = 'contradicted'
        group by metric, value
        order by value desc
        limit 1
        """,
    ),
)


def rows_of(database: Path, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a query on a database that is opened for reading only.

    Raises duckdb.Error as DuckDB words it.
    """
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        cursor = connection.execute(query)
        return [column[0] for column in cursor.description or []], cursor.fetchall()


def print_answer(database: Path, console: Console) -> None:
    """Prints each question with the rows that answer it."""
    for question, query in QUESTIONS:
        names, rows = rows_of(database, query)
        console.print(f"\n[bold]{question}[/bold]")
        table = Table(*names)
        for row in rows:
            table.add_row(*map(_shown, row))
        console.print(table)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell.is_integer() and abs(cell) >= 1000 else f"{cell:g}"
    return str(cell)
