"""All registered upstreams behind one server on loopback.

For tests of whole runs, and to try the command by hand without a network:
`python -m tests._support.everyone run --live` is `observatory run --live` with made-up answers.
"""

from __future__ import annotations

import importlib
import os

from ingestion.source import Source
from ingestion.sources import SOURCES
from tests._support.upstream import Answering, Upstream


def answering_of(name: str) -> Answering:
    """How the upstream of a registered source answers when all is well."""
    answer: Answering = importlib.import_module(f"tests._support.upstreams.{name}").answer
    return answer


def all_watched(server: Upstream) -> dict[str, Source]:
    """Every registered source, by name, with its upstream behind `server`."""
    return {name: server.watch(source, answering_of(name)) for name, source in SOURCES.items()}


def main() -> None:
    """Runs the command, with what it is given, against the server."""
    from orchestration.cli import app

    with Upstream() as server:
        SOURCES.update(all_watched(server))
        os.environ["OBSERVATORY_MIRROR"] = server.url
        app()


if __name__ == "__main__":
    main()
