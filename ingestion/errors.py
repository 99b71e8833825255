"""Errors that say where they come from, and what to do next."""

from __future__ import annotations


class ObservatoryError(Exception):
    """Something a person can act on.

    `source` names the upstream, file or step; `window` the days or rows concerned; `remedy` what to do.
    """

    def __init__(self, problem: str, *, source: str, remedy: str, window: str | None = None) -> None:
        self.problem = problem
        self.source = source
        self.window = window
        self.remedy = remedy
        where = f"{source} ({window})" if window else source
        super().__init__(f"{where}: {problem}. {remedy}")


class UnreadableInputError(ObservatoryError):
    """Bytes that cannot be read as rows of the table they claim to be."""


class RejectedFileError(ObservatoryError):
    """A file of the inbox that is not taken at all: a link, a bad name, an unknown table."""


class CheckError(ObservatoryError):
    """A check that could not be evaluated. It says nothing about the data."""


class BusyError(ObservatoryError):
    """Something that another process holds for too long."""


class WatchlistError(ObservatoryError):
    """A watchlist that does not say what it must."""


class PublishError(ObservatoryError):
    """A build that must not be shown."""


class BuildError(ObservatoryError):
    """A dbt build that failed."""
