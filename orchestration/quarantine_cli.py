"""The commands `observatory quarantine ...`: what waits, and the way back.

Belongs here: their arguments and what they print. Does not belong here: any work (`ingestion.waiting`,
`ingestion.release`), and what all commands share, which `orchestration.cli` gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.settings import Home

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.waiting import Item

COLUMNS = ("load", "table", "source", "what", "rows", "waits", "file", "reasons")
DAY_SECONDS = 86400
HOUR_SECONDS = 3600


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True)
class Shared:
    """What these commands share with all others.

    `load_and_publish` takes what was received since a moment all the way, prints the loads, and gives the
    exit code. `print_rows` prints column names and rows.
    """

    out: Console
    home: Callable[[], Home]
    now: Callable[[], datetime]
    errors_told: Callable[[], AbstractContextManager[None]]
    load_and_publish: Callable[[Home, datetime], int]
    print_rows: Callable[[Sequence[str], Sequence[Sequence[Any]], Format], None]


Load = Annotated[str, typer.Argument(help="The load, as `list` names it.")]
Rows = Annotated[str, typer.Option(help="Numbers of single rows, such as 3,7-9. Else: all that are open.")]
Shown = Annotated[Format, typer.Option(help="How to print it.")]


def quarantine_commands(shared: Shared) -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(
        help="What broke a contract and waits for a person: list, look at, correct, release or discard it.",
        no_args_is_help=True,
    )

    @app.command(name="list")
    def list_(format: Shown = Format.TABLE) -> None:
        """List the rows and batches that wait, the oldest first."""
        from ingestion.waiting import open_items

        items = open_items(shared.home())
        if not items and format is Format.TABLE:
            shared.out.print("Nothing waits in quarantine.")
            return
        listed = [_listed(item, shared.now()) for item in items]
        width = len(COLUMNS) - (2 if format is Format.TABLE else 0)
        shared.print_rows(COLUMNS[:width], [row[:width] for row in listed], format)
        for item in items if format is Format.TABLE else ():
            told = f"{item.load_id} ({item.receipt.file_name}): {'; '.join(item.reasons)}"
            shared.out.print(told, soft_wrap=True, markup=False)

    @app.command()
    def show(load: Load, format: Shown = Format.TABLE) -> None:
        """Show the open rows of a load, with the rules that each breaks."""
        from ingestion.release import corrections
        from ingestion.waiting import find, open_rows

        home = shared.home()
        with shared.errors_told():
            item = find(home, load)
        if format is not Format.TABLE:
            names, records = corrections(home, item)
            shared.print_rows(names, [tuple(record.values()) for record in records], format)
            return
        if item.is_batch:
            shared.out.print(f"Held as a whole: {'; '.join(item.reasons)}", soft_wrap=True, markup=False)
        rows = open_rows(home, item)
        if rows:
            shown = [(row.row_number, "\n".join(row.reasons), _readable(row.row)) for row in rows]
            shared.print_rows(("row", "breaks", "given"), shown, format)

    @app.command()
    def correct(
        load: Load,
        to: Annotated[Path, typer.Option(help="The file to write, .csv or .jsonl.")],
    ) -> None:
        """Write what is open of a load to a file, to be edited and released with `release --file`."""
        from ingestion.release import write_corrections

        with shared.errors_told():
            count = write_corrections(shared.home(), load, to)
        shared.out.print(
            f"{count} row(s) of load {load} are in {to}. Rows that you take out of it stay here."
        )
        shared.out.print(f"Edit it, then: observatory quarantine release {load} --file {to}")

    @app.command()
    def release(
        load: Load,
        rows: Rows = "",
        file: Annotated[Path | None, typer.Option(help="The corrected file. Else: as it was given.")] = None,
    ) -> None:
        """Let rows or a whole batch out: load them again, with every check, and build the marts.

        What still breaks a rule waits again, under the load of the release.
        """
        from ingestion.release import release as let_out

        home, started = shared.home(), shared.now()
        with shared.errors_told():
            receipt = let_out(home, load, shared.now, rows=_numbers(rows), corrected=file)
        shared.out.print(f"Released as load {receipt.load_id} of {receipt.table_name}.")
        raise typer.Exit(shared.load_and_publish(home, started))

    @app.command()
    def discard(
        load: Load,
        reason: Annotated[str, typer.Option(help="Why nobody will want it.")],
        rows: Rows = "",
    ) -> None:
        """Note that rows or a batch need no release. They wait no more, and are deleted one day."""
        from ingestion.release import discard as note

        with shared.errors_told():
            count = note(shared.home(), load, shared.now, reason=reason, rows=_numbers(rows))
        shared.out.print(f"{count} row(s) of load {load} wait no more.")

    return app


def _listed(item: Item, now: datetime) -> tuple[str | int, ...]:
    what = "batch" if item.is_batch else "rows"
    age = _age((now - item.received_at).total_seconds())
    facts = (item.load_id, item.table_name, item.receipt.source, what, item.rows, age)
    return (*facts, item.receipt.file_name, "; ".join(item.reasons))


def _age(seconds: float) -> str:
    if seconds >= DAY_SECONDS:
        return f"{seconds // DAY_SECONDS:.0f} days"
    return f"{seconds // HOUR_SECONDS:.0f} hours"


def _readable(text: str) -> str:
    """A row with a value a line, without those that were not given."""
    value = json.loads(text)
    if not isinstance(value, dict):
        return text
    return "\n".join(f"{name}: {given}" for name, given in value.items() if given not in (None, ""))


def _numbers(text: str) -> list[int]:
    """`3,7-9` as 3, 7, 8, 9. No text gives no numbers, which means all rows; any other gives at least one."""
    numbers: list[int] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            raise typer.BadParameter(f"{part!r} is no row number; give them as 3,7-9")
        if int(last or first) < int(first):
            raise typer.BadParameter(f"{part!r} runs backwards; give row numbers as 3,7-9")
        numbers += range(int(first), int(last or first) + 1)
    if text and not numbers:
        raise typer.BadParameter(
            f"{text!r} names no row; give row numbers as 3,7-9, or leave --rows out for all"
        )
    return numbers
