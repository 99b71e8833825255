"""An analyst who never stops looking: `python -m tests.soak.reader DATABASE REPORT`.

Opens the published file again and again, and holds one connection over flips. A state is complete if it has
every table that its dictionary and this project name, if what it says of its rows agrees with itself, and if
the connection that is held open goes on to see what it saw. What was seen is in the report after each look.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

PAUSE_SECONDS = 0.3
HELD_LOOKS = 40
"""So many looks a held connection lasts: some flips."""

AGREEMENTS = {
    "each load is whole": "select count(*) from marts.fct_loads "
    "where verdict <> 'failed' and rows_in <> rows_published + rows_quarantined",
    "ranked apps are known": "select count(*) from marts.fct_chart_rank_daily "
    "where platform_id not in (select platform_id from marts.dim_platform)",
    "attention is of known platforms": "select count(*) from marts.fct_attention_daily "
    "where platform_id not in (select platform_id from marts.dim_platform)",
    "what is ranked was loaded": "select count(*) from (select 1 where exists "
    "(select 1 from marts.fct_chart_rank_daily) and not exists "
    "(select 1 from marts.fct_loads where table_name = 'chart_entries' and rows_published > 0))",
}
"""Each counts what contradicts it."""


@dataclass
class Seen:
    """What the reader saw: looks, states that differ, flips under a held connection, and what was wrong."""

    looks: int = 0
    states: int = 0
    held: int = 0
    wrong: list[str] = field(default_factory=list)


State = dict[str, int]


def state_of(connection: duckdb.DuckDBPyConnection) -> State:
    """Rows of each table. Raises ValueError for a state that is not complete."""
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    named = connection.execute("select distinct table_name from marts.data_dictionary").fetchall()
    listed = {name for (name,) in named}
    if tables - {"data_dictionary"} != listed - {"data_dictionary"}:
        raise ValueError(f"tables and dictionary differ: {sorted(tables ^ listed)}")
    for what, query in AGREEMENTS.items():
        [(wrong,)] = connection.execute(query).fetchall()
        if wrong:
            raise ValueError(f"not so: {what} ({wrong} rows)")
    return {
        name: connection.execute(f'select count(*) from marts."{name}"').fetchall()[0][0]
        for name in sorted(tables)
    }


class Reader:
    """Looks at one published file."""

    def __init__(self, database: Path) -> None:
        self.seen = Seen()
        self._database = database
        self._last: tuple[str, State] | None = None
        self._held: tuple[duckdb.DuckDBPyConnection, str, State, int] | None = None

    def look(self) -> None:
        """Opens the file anew, and looks once more through the connection that is held."""
        self.seen.looks += 1
        try:
            version = str(self._database.resolve())
            with duckdb.connect(str(self._database), read_only=True) as connection:
                state = state_of(connection)
            if self._last is None or self._last != (version, state):
                self.seen.states += 1
                if self._last is not None and set(self._last[1]) != set(state):
                    raise ValueError(f"tables came or went: {set(self._last[1]) ^ set(state)}")
            self._last = (version, state)
            self._look_through_the_held_one()
        except (duckdb.Error, ValueError, OSError) as error:
            self.seen.wrong.append(f"look {self.seen.looks}: {type(error).__name__}: {error}")

    def _look_through_the_held_one(self) -> None:
        if self._held is None:
            connection = duckdb.connect(str(self._database.resolve()), read_only=True)
            self._held = (connection, str(self._database.resolve()), state_of(connection), HELD_LOOKS)
            return
        connection, version, before, left = self._held
        if state_of(connection) != before:
            raise ValueError(f"what a held connection sees has changed: {version}")
        if left and str(self._database.resolve()) == version:
            return
        if not left:
            connection.close()
            self._held = None
            self.seen.held += 1
            return
        self._held = (connection, version, before, left - 1)


def main() -> None:
    """Looks until it is killed."""
    reader, report = Reader(Path(sys.argv[1])), Path(sys.argv[2])
    while not Path(sys.argv[1]).exists():
        time.sleep(PAUSE_SECONDS)
    while True:
        reader.look()
        written = report.with_name("reader.next")
        written.write_text(json.dumps(asdict(reader.seen)))
        written.replace(report)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
