"""Errors that say where they come from, and what to do next."""

from __future__ import annotations

import errno
from enum import StrEnum


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


class QuarantineError(ObservatoryError):
    """What cannot be done with what is in quarantine."""


class UnreadableInputError(ObservatoryError):
    """Bytes that cannot be read as rows of the table they claim to be."""


class RejectedFileError(ObservatoryError):
    """A file of the inbox that is not taken at all: a link, a bad name, an unknown table."""


class CheckError(ObservatoryError):
    """A check that could not be evaluated. It says nothing about the data."""


class BusyError(ObservatoryError):
    """Something that another process holds for too long."""


class DiskFullError(ObservatoryError):
    """No room is left for what had to be written (`ingestion.space`)."""


class WatchlistError(ObservatoryError):
    """A watchlist that does not say what it must."""


class PublishError(ObservatoryError):
    """A build that must not be shown."""


class BuildError(ObservatoryError):
    """A dbt build that failed."""


class Fault(StrEnum):
    """What a failed request means for the run.

    `fatal`: asking again in this run does not help, and what was asked for is missing. `retriable`: asking
    again may help; after the last attempt it is missing, too. `ignorable`: the upstream says that there is
    no such thing, so nothing is missing.
    """

    FATAL = "fatal"
    RETRIABLE = "retriable"
    IGNORABLE = "ignorable"


class UpstreamError(ObservatoryError):
    """An upstream that did not answer, or whose answer cannot be used.

    `wait_seconds`: how long the upstream asks to be left alone. `is_hopeless`: whether others who ask the
    same host now will fare no better. `is_of_host`: whether it says anything about the host, or only about
    this one answer. `is_out_of_time`: whether the request used up all the time that it had.
    """

    def __init__(
        self,
        problem: str,
        *,
        source: str,
        window: str,
        remedy: str,
        fault: Fault,
        wait_seconds: float | None = None,
        is_hopeless: bool = False,
        is_of_host: bool = True,
        is_out_of_time: bool = False,
    ) -> None:
        super().__init__(problem, source=source, remedy=remedy, window=window)
        self.fault = fault
        self.wait_seconds = wait_seconds
        self.is_hopeless = is_hopeless
        self.is_of_host = is_of_host
        self.is_out_of_time = is_out_of_time


class SettingError(ObservatoryError):
    """A variable of the environment that does not say what it must."""


class AlertError(ObservatoryError):
    """An alert that did not reach whom it was for."""


def file_problem(error: OSError) -> str:
    """What the system said of a file, and what to do about it."""
    return f"{error.filename}: {error.strerror}. {_file_remedy(error)}"


def _file_remedy(error: OSError) -> str:
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return "Give this user the right to it, or set OBSERVATORY_HOME to another folder."
    if isinstance(error, FileNotFoundError):
        return "Check the path; its folder must be there."
    if isinstance(error, NotADirectoryError | FileExistsError):
        return "A file stands where a folder belongs: move it away, or give another path."
    return "Check the path and the disk."
