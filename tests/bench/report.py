"""What a benchmark reports: lines of measured values, and the table that shows them.

Belongs here: how a value is shown. Does not belong here: measuring.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from rich.table import Table


@dataclass(frozen=True)
class Line:
    """A measured value; `met` is None where nothing is promised."""

    measure: str
    value: str
    target: str = ""
    met: bool | None = None


def table_of(lines: Sequence[Line]) -> Table:
    """The lines as a table, with the machine and the versions they were measured on."""
    tools = ", ".join(f"{name} {version(name)}" for name in ("dagster", "dbt-core", "duckdb"))
    table = Table(
        title="Migration Observatory: what a run costs",
        caption=f"{os.cpu_count()} cores, Python {platform.python_version()}, {tools}",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("measure")
    table.add_column("value", justify="right")
    table.add_column("target")
    table.add_column("met")
    for line in lines:
        met = {None: "", True: "[green]yes[/green]", False: "[red]no[/red]"}[line.met]
        table.add_row(line.measure, line.value, line.target, met)
    return table


def seconds(value: float) -> str:
    """A duration as people read it."""
    return f"{value:.2f} s"
