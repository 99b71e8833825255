"""The simulated clock: a file with an instant, which one process writes and all others read.

It stands still until it is put forward. Belongs here: the file, and the resource that reads it.
"""

import os
from datetime import UTC, date, datetime, time
from pathlib import Path

from orchestration.installation import Clock

CLOCK = "SOAK_CLOCK"
"""The environment variable that names the file."""


class FileClock(Clock):
    """The time that the file says."""

    def now(self) -> datetime:
        """This simulated moment, in UTC."""
        return simulated_now()


def simulated_now(tz: str = "UTC") -> datetime:
    """What the file says. Only UTC is known."""
    if tz.upper() != "UTC":
        raise ValueError(f"the simulated clock knows no {tz}")
    return datetime.fromisoformat(Path(os.environ[CLOCK]).read_text())


def put(clock: Path, moment: datetime) -> None:
    """Puts the clock to a moment, in one step for those who read it."""
    written = clock.with_name("clock.next")
    written.write_text(moment.astimezone(UTC).isoformat())
    written.replace(clock)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment of a day, in UTC."""
    return datetime.combine(day, time(hour, minute), UTC)
