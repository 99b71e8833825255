"""The commands of operations: `doctor`, and what `status` says of the sources.

Belongs here: their arguments and what they print. Does not belong here: any work.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from ingestion.errors import file_problem
from ingestion.settings import Home
from ingestion.space import ADVICE
from orchestration.quarantine_cli import Shared

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.health import SourceHealth

EXIT_FAILED = 1
LEVEL_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def add_operations(app: typer.Typer, shared: Shared) -> None:
    """Adds the commands to the command `observatory`."""

    @app.command()
    def doctor() -> None:
        """Check this installation: a line a thing, with what to do. Exit code 1 if something is broken."""
        from orchestration.doctor import Level, examine, lines, worst

        findings = examine(shared.home(), os.environ)
        for finding, line in zip(findings, lines(findings), strict=True):
            level, _, rest = line.partition("  ")
            style = LEVEL_STYLES[finding.level]
            shared.out.print(f"[{style}]{level}[/{style}]  {escape(rest)}", soft_wrap=True)
        if worst(findings) is Level.FAIL:
            raise typer.Exit(EXIT_FAILED)


def print_health(home: Home, now: datetime, out: Console) -> None:
    """How the sources do, what is to be done, and which episodes are known.

    Writes the page as well, where it can: what only reads must not fail where nothing can be written.
    """
    from ingestion.health import State, health
    from ingestion.health_page import write_health_page
    from ingestion.limits import limits_from
    from orchestration.episodes import episodes

    facts = health(home, now, limits_from(os.environ))
    if facts.room.is_little:
        out.print(f"[yellow]disk[/yellow] {facts.room.told}. {escape(ADVICE)}", soft_wrap=True)
    asked = [one for one in facts.sources if one.state is not State.IDLE]
    if asked:
        out.print(_table_of(asked))
        for one in asked:
            for line in one.to_do:
                out.print(f"[yellow]{escape(one.source)}[/yellow] {escape(line)}", soft_wrap=True)
        try:
            told = f"As a page: {write_health_page(home, facts)}"
        except OSError as error:
            told = f"The page could not be written. {file_problem(error)}"
        out.print(escape(told), soft_wrap=True)
    for episode in episodes(home):
        told = f"Episode {episode.id}: {episode.state}, {episode.first_day} to {episode.last_day}"
        out.print(f"{told} (`observatory brief {episode.id}`)", soft_wrap=True)


def _table_of(sources: Sequence[SourceHealth]) -> Table:
    from ingestion.health_page import ago, quarantine_told

    table = Table(title="Sources", title_justify="left")
    for name in ("source", "state", "last success (UTC)", "lag", "newest day", "quarantine"):
        table.add_column(name)
    for one in sources:
        last = f"{one.last_success:%Y-%m-%d %H:%M}" if one.last_success else ""
        share = ", ".join(
            f"{volume.table} {volume.rows}" + (f" of {volume.usual:g}" if volume.usual is not None else "")
            for volume in one.volumes
        )
        table.add_row(one.source, one.state, last, ago(one.lag), share, quarantine_told(one))
    return table
