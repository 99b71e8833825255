"""The same days without faults, kills or haste: `python -m tests.soak.undisturbed DAYS`.

Each day is asked once, in this process, and its file is dropped; in the end all is loaded, modelled from
nothing and published in one run. What months of small runs have made must be the same. The environment says
where, as in `tests.soak.installation`.
"""

from __future__ import annotations

import os
import sys
from datetime import date, datetime
from functools import partial
from unittest.mock import patch

from ingestion.fetch import fetch_all
from ingestion.http import client_from
from ingestion.inbox import receive_inbox
from ingestion.settings import Home, home_from
from ingestion.sources import SOURCES
from orchestration.installation import Clock
from orchestration.session import run_main_job
from tests.soak.clock import at
from tests.soak.marts import wanted_manifest
from tests.soak.world import ASKED, FIRST_LOOK, World, asked_days, drop, watchlist


def _noon(day: date) -> datetime:
    return at(day, FIRST_LOOK)


def receive(home: Home, world: World, days: int) -> None:
    """Asks for all days, one after the other, and takes what is dropped. Raises for what is missing."""
    client = client_from({"OBSERVATORY_MIRROR": world.url})
    sources = [SOURCES[name] for name in ASKED]
    try:
        for day in asked_days(days):
            world.turn_to(day)
            now = partial(_noon, day)
            for result in fetch_all(home, sources, None, watchlist=watchlist(), client=client, now=now):
                if result.missing:
                    raise RuntimeError(f"the undisturbed run misses something: {result.missing}")
            drop(home, day)
            receive_inbox(home, now)
    finally:
        client.close()


def main() -> None:
    """Makes the undisturbed installation."""
    home, days = home_from(os.environ), int(sys.argv[1])
    with World(is_faulty=False) as world:
        receive(home, world, days)
    clock = Clock(fixed=_noon(asked_days(days)[-1]).isoformat())
    with patch("orchestration.definitions.read_manifest", wanted_manifest):
        outcome = run_main_job(home, cases=[], resource_overrides={"clock": clock})
    if not outcome.published or outcome.blocked:
        sys.exit(str(outcome))


if __name__ == "__main__":
    main()
