"""A small warehouse to publish, and the processes that publish and read it in tests.

Run as a program it is one of those processes: `python -m tests._support.publishing ROLE HOME [ARGUMENT]`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingestion.settings import PROJECT_ROOT, Home
from orchestration.publish import Publication, publish

MODELS = ("dim_app", "fct_rank")
DAYS = {"fct_rank": "store_date"}
"""The column of the day, where the warehouse says that the model was built by day."""
NOON = datetime(2025, 1, 21, 12, tzinfo=UTC)


def build_warehouse(home: Home, generation: int) -> None:
    """What dbt would have built: two public tables and two private ones, all of one generation."""
    home.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("CREATE SCHEMA IF NOT EXISTS marts; CREATE SCHEMA IF NOT EXISTS intermediate")
        con.execute(f"CREATE OR REPLACE TABLE marts.fct_rank AS {_ranks(generation)}")
        con.execute("ALTER TABLE marts.fct_rank ALTER COLUMN rank SET NOT NULL")
        con.execute(f"CREATE OR REPLACE TABLE marts.dim_app AS {_apps(generation)}")
        con.execute(
            "COMMENT ON TABLE marts.fct_rank IS 'One row per app and store''s day; \"best\" of the day.'"
        )
        con.execute("COMMENT ON COLUMN marts.fct_rank.rank IS 'Position, 1 is the top.'")
        con.execute("COMMENT ON TABLE marts.dim_app IS 'Eine Zeile je App; 小红书.'")
        con.execute("CREATE OR REPLACE TABLE marts.not_public AS SELECT 1 AS secret")
        con.execute("CREATE OR REPLACE TABLE intermediate.int_rank AS SELECT 1 AS secret")


def _ranks(generation: int) -> str:
    return (
        f"SELECT {generation} AS generation, 'app ' || i AS app_id, "
        f"DATE '2025-01-12' + i::INTEGER AS store_date, i::BIGINT AS rank "
        f"FROM range(1, {100 * generation + 1}) AS days(i)"
    )


def _apps(generation: int) -> str:
    return f'SELECT {generation} AS generation, [i, NULL] AS "odd ""name" FROM range({generation}) AS apps(i)'


def publish_at(home: Home, hours: float = 0) -> Publication:
    """Publishes both models, as if so many hours after noon of 21 January."""
    return publish(home, MODELS, NOON + timedelta(hours=hours), days=DAYS)


def generation_in(con: duckdb.DuckDBPyConnection) -> int:
    """The generation that a reader sees; raises ValueError if it is not whole or not one."""
    [seen] = con.execute(
        "SELECT (SELECT list(DISTINCT generation) FROM marts.fct_rank), "
        "(SELECT count(*) FROM marts.fct_rank), "
        "(SELECT list(DISTINCT generation) FROM marts.dim_app), "
        "(SELECT count(*) FROM marts.dim_app)"
    ).fetchall()
    generation: int = seen[1] // 100
    if seen != ([generation], 100 * generation, [generation], generation):
        raise ValueError(f"not one whole state: {seen}")
    return generation


def read(home: Home) -> int:
    """What somebody who opens the published file now sees."""
    with duckdb.connect(str(home.published_database), read_only=True) as con:
        return generation_in(con)


def start(role: str, home: Home, argument: str = "") -> subprocess.Popen[str]:
    """Starts one of the roles below as a process that answers on its standard output."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests._support.publishing", role, str(home.root), argument],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str], line: str = "") -> Any:
    """Sends a line to a process and returns its answer."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return hear(process)


def hear(process: subprocess.Popen[str]) -> Any:
    """The next answer of a process."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def _answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _killed_at(home: Home, step: str) -> None:
    """Publishes, and dies without a word when `step` is done."""

    def die(done: str) -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    publish(home, MODELS, NOON + timedelta(hours=1), die, days=DAYS)


def _hold(home: Home, argument: str) -> None:
    """Opens the published file once; for each line says what that and a new connection see."""
    with duckdb.connect(str(home.published_database), read_only=True) as con:
        _answer(generation_in(con))
        for _ in sys.stdin:
            _answer([generation_in(con), read(home)])


def _poll(home: Home, last: str) -> None:
    """Opens and reads the published file over and over until it holds generation `last`; says what it saw."""
    seen = [read(home)]
    _answer(seen)
    while seen[-1] != int(last):
        seen.append(read(home))
    _answer(seen)


def _write(home: Home, argument: str) -> None:
    """Keeps the warehouse open for writing until its standard input ends."""
    with duckdb.connect(str(home.warehouse)):
        _answer("open")
        sys.stdin.read()


_ROLES = {"killed_at": _killed_at, "hold": _hold, "poll": _poll, "write": _write}


if __name__ == "__main__":
    _ROLES[sys.argv[1]](Home(Path(sys.argv[2])), sys.argv[3])
