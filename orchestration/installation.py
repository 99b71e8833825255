"""The resources that assets are given: where state lives, and what time it is.

Resources hand plain objects to code that knows no Dagster.
"""

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import dagster as dg

from ingestion.contract import WatchedIds
from ingestion.settings import CASES, WATCHLIST, Home, home_from


class Installation(dg.ConfigurableResource["Installation"]):
    """One installation of the observatory.

    `home` is the folder of all state; empty means what `OBSERVATORY_HOME` says. `watchlist` is the file
    that says what is watched; empty means the bundled one, or what `OBSERVATORY_WATCHLIST` names.
    """

    home: str = ""
    watchlist: str = ""

    def folders(self) -> Home:
        """The folders of the installation."""
        return Home(Path(self.home)) if self.home else home_from(os.environ)

    def watchlist_path(self) -> Path:
        """The watchlist in force."""
        named = self.watchlist or os.environ.get("OBSERVATORY_WATCHLIST", "")
        return Path(named) if named else WATCHLIST

    def watched(self) -> WatchedIds:
        """The ids that rows may name."""
        return _ids(self.watchlist_path().read_bytes())

    def case(self, name: str) -> Path:
        """The folder of a bundled case."""
        return CASES / name


@cache
def _ids(content: bytes) -> WatchedIds:
    """Every raw table asks, and YAML is slow to read."""
    from ingestion.watchlist import parse_watchlist

    return parse_watchlist(content).ids()


class Clock(dg.ConfigurableResource["Clock"]):
    """The time; tests stop it by giving `fixed`, an ISO instant in UTC."""

    fixed: str = ""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.fromisoformat(self.fixed) if self.fixed else datetime.now(UTC)
