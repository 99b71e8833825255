"""Exchange calendars: on which days an exchange holds a session, and so where a price is missing.

Belongs here: what `exchange_calendars` knows, by market identifier code. Does not belong here: prices.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from ingestion.errors import WatchlistError

OTHER_NAMES = {"OTCM": "XNYS"}
"""Markets without a calendar of their own: shares over the counter trade on the sessions of New York."""
LONGEST_BREAK = timedelta(days=14)
"""A calendar must hold a session; no exchange rests longer."""


def missing_sessions(exchange: str, first: date, last: date, seen: Iterable[date]) -> list[date]:
    """Sessions of `exchange` (MIC) from `first` to `last`, both included, that are not among `seen`.

    Days are the exchange's own; half days are sessions. Raises WatchlistError for an exchange, or days,
    that no calendar is known for.
    """
    return sorted(set(expected_sessions(exchange, first, last)) - set(seen))


def expected_sessions(exchange: str, first: date, last: date) -> list[date]:
    """Sessions of `exchange` (MIC) from `first` to `last`, both included, in order."""
    if last < first:
        return []
    import exchange_calendars
    from exchange_calendars.errors import CalendarError

    name = OTHER_NAMES.get(exchange, exchange)
    try:
        calendar = exchange_calendars.get_calendar(name, start=first - LONGEST_BREAK, end=last)
    except (CalendarError, ValueError) as problem:  # ValueError: days that the calendar is not known for
        raise WatchlistError(
            f"no calendar is known: {problem}",
            source=f"the exchange {exchange}",
            window=f"{first} to {last}",
            remedy="Correct the exchange in watchlist.yaml, or update the package exchange-calendars",
        ) from problem
    return [session.date() for session in calendar.sessions if session.date() >= first]
