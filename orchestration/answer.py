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
        "Is it real? RedNote's best rank by US store day (store days between are not guessed)",
        """
        select store_date, chart, rank, rank_status, depth
        from marts.fct_chart_rank_daily
        where platform_id = 'xiaohongshu' and store = 'app_store' and country = 'US'
          and chart in ('top_free_overall', 'top_free_social') and rank_status <> 'not_fetched'
        order by store_date, chart
        """,
    ),
    (
        "Who came to number 1 in the US, and how fast did it pass?",
        """
        select platform_id, store, onset_date, first_number_one_date, last_number_one_date,
          days_at_number_one as days_seen_at_1, span_days, round(half_life_days, 2) as half_life_days
        from marts.migration_episodes
        where country = 'US' and chart = 'top_free_overall' and peak_date is not null
        order by days_at_number_one desc, platform_id, store
        """,
    ),
    (
        "How big? Providers who gave the same quantity for the same days, and how far they are apart",
        """
        select platform_id, metric, geography, first_date, last_date, providers,
          min_value, max_value, round(ratio, 1) as ratio
        from marts.source_agreement
        where geography = 'US'
        order by ratio desc
        limit 3
        """,
    ),
    (
        "Who gained on the stock market from 13 January to five sessions later? (against SPY)",
        """
        select symbol, estimation_sessions, round(beta, 3) as beta, round(car, 4) as car,
          round(t_statistic, 2) as t
        from marts.event_study
        where event_date = date '2025-01-13' and window_start = 0 and window_end = 5
        order by abs(t_statistic) desc
        limit 5
        """,
    ),
    (
        "Which claims must not be believed?",
        """
        select platform_id, metric, max(value) as value, count(*) as claims,
          min(verdict_reason) as reason
        from marts.fct_claims
        where verdict = 'contradicted'
        group by platform_id, metric
        order by value desc
        limit 3
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
        table = Table(*names, title=question, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(
                *(
                    "" if cell is None else f"{cell:,}" if isinstance(cell, float | int) else str(cell)
                    for cell in row
                )
            )
        console.print(table)
