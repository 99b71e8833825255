"""The resources that assets are given: where state lives, and what time it is.

Resources hand plain objects to code that knows no Dagster.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from ingestion.contract import WatchedIds
from ingestion.errors import WatchlistError
from ingestion.settings import CASES, WATCHLIST, Home, home_from

if TYPE_CHECKING:
    from ingestion.http import Client
    from ingestion.watchlist import Watchlist

OFFLINE = {"observatory/network": "none"}
"""Tag of jobs that load and publish what is on this machine already; `dagster.yaml` lets them run one at a
time. Two would do the same work, and where they cross, Dagster takes a check of the one for the other's."""
ONLINE = {"observatory/network": "upstreams"}
"""Tag of jobs that ask upstreams, which go one at a time, too: the pace at which a host is asked is kept
within a process, and what was dropped in the inbox has a place beside them."""


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
        return self.parsed_watchlist().ids()

    def parsed_watchlist(self) -> "Watchlist":
        """All that is watched. Raises `WatchlistError`."""
        path = self.watchlist_path()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise WatchlistError(
                f"cannot be read: {error.strerror}",
                source=f"watchlist {path}",
                remedy="Correct OBSERVATORY_WATCHLIST, or leave it out for the bundled one.",
            ) from error
        return _parsed(content)

    def case(self, name: str) -> Path:
        """The folder of a bundled case."""
        return CASES / name


class Network(dg.ConfigurableResource["Network"]):
    """The way to the upstreams, as `OBSERVATORY_CONTACT` and `OBSERVATORY_MIRROR` say; tests override it."""

    @contextmanager
    def client(self) -> "Iterator[Client]":
        """A client for one run."""
        from ingestion.http import client_from

        client = client_from(os.environ)
        try:
            yield client
        finally:
            client.close()


@cache
def _parsed(content: bytes) -> "Watchlist":
    """Every raw table asks, and YAML is slow to read."""
    from ingestion.watchlist import parse_watchlist

    return parse_watchlist(content)


class Clock(dg.ConfigurableResource["Clock"]):
    """The time; tests stop it by giving `fixed`, an ISO instant in UTC."""

    fixed: str = ""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.fromisoformat(self.fixed) if self.fixed else datetime.now(UTC)
