"""Publishing only what changed: the same as publishing all, for readers and after any accident."""

from __future__ import annotations

import os
import random
import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Home
from orchestration.publish import STEPS, Publication, current_version, distrust, publish
from tests._support.publishing import DAYS, MODELS, NOON, publish_at, start

FIRST = date(2025, 1, 1)
ROWS = 50
"""Rows of a day, so that one of several is little."""
WHOLE = date(1, 1, 1)
Days = dict[date, int]
"""What `fct_rank` holds: a day, and what makes its rows other ones."""


def days_of(length: int) -> Days:
    return {FIRST + timedelta(n): 0 for n in range(length)}


def build(home: Home, days: Days, run: str, rebuilt: set[date] | None = None) -> None:
    """As dbt leaves it: `rebuilt` days are taken away and put to the end, all of them if it is None."""
    home.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("CREATE SCHEMA IF NOT EXISTS marts; CREATE SCHEMA IF NOT EXISTS upkeep")
        con.execute(
            "CREATE TABLE IF NOT EXISTS upkeep.model_days (model VARCHAR, day DATE, inputs VARCHAR, "
            "version VARCHAR, written VARCHAR)"
        )
        if rebuilt is None:
            con.execute("DELETE FROM upkeep.model_days")
            con.execute(
                "CREATE OR REPLACE TABLE marts.fct_rank (store_date DATE NOT NULL, app_id VARCHAR, n BIGINT)"
            )
            con.execute("COMMENT ON TABLE marts.fct_rank IS 'A row a day and app.'")
            con.execute("COMMENT ON COLUMN marts.fct_rank.n IS 'A number.'")
            con.execute("CREATE OR REPLACE TABLE marts.dim_app AS SELECT i AS app FROM range(5) AS r(i)")
        noted = {WHOLE, *days} if rebuilt is None else rebuilt
        for day in sorted(noted):
            con.execute(f"DELETE FROM upkeep.model_days WHERE day = DATE '{day}'")
            con.execute(
                f"INSERT INTO upkeep.model_days VALUES ('fct_rank', DATE '{day}', 'in', '{run}', '{run}')"
            )
            con.execute(f"DELETE FROM marts.fct_rank WHERE store_date = DATE '{day}'")
            if day in days:
                con.execute(
                    "INSERT INTO marts.fct_rank (store_date, app_id, n) "
                    f"SELECT DATE '{day}', 'app ' || i, i + {days[day]} "
                    f"FROM range({ROWS}) AS r(i)"
                )


def rewrite(home: Home, statement: str) -> None:
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute(statement)


def parquet_of(home: Home, model: str) -> Path:
    return home.published_parquet.resolve() / f"{model}.parquet"


def files_of(home: Home, model: str) -> list[Path]:
    """One file, or the files of a mart that is a folder."""
    place = parquet_of(home, model)
    return sorted(place.iterdir()) if place.is_dir() else [place]


def rows_in(database: Path, model: str, *, ordered: bool = False) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute(f"FROM marts.{model}{' ORDER BY ALL' if ordered else ''}").fetchall()


def described(database: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute(
            "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() "
            "WHERE schema_name = 'marts' AND table_name IN ('fct_rank', 'dim_app') "
            "ORDER BY table_name, column_index"
        ).fetchall()


def assert_shows_the_warehouse(home: Home) -> None:
    """Every value and comment; and each Parquet file has the rows of its table in its table's order."""
    assert described(home.published_database) == described(home.warehouse)
    for model in MODELS:
        shown = rows_in(home.published_database, model)
        assert rows_in(home.published_database, model, ordered=True) == rows_in(
            home.warehouse, model, ordered=True
        )
        files = [str(path) for path in files_of(home, model)]
        if len(files) == 1:
            assert duckdb.sql(f"FROM read_parquet({files})").fetchall() == shown
        else:
            assert sorted(duckdb.sql(f"FROM read_parquet({files})").fetchall()) == sorted(shown)
    with duckdb.connect(str(home.published_database), read_only=True) as con:
        dictionary = con.execute("SELECT column_name FROM marts.data_dictionary ORDER BY ALL").fetchall()
    assert len(dictionary) == len(MODELS) + len(described(home.warehouse))


def is_shared(home: Home, model: str) -> bool:
    """Whether the file of a mart is also one of an earlier version."""
    return parquet_of(home, model).stat().st_nlink > 1


@pytest.fixture
def published(home: Home) -> Home:
    """Forty days, published."""
    build(home, days_of(40), "run 0")
    publish_at(home)
    return home


# --- what is read and written ---------------------------------------------------------------------


def test_of_one_more_day_only_that_is_read_and_written(published: Home) -> None:
    days = days_of(41)
    build(published, days, "run 1", {max(days)})
    # Nobody does this; it shows which days are read.
    rewrite(published, f"UPDATE marts.fct_rank SET n = -1 WHERE store_date = DATE '{FIRST}'")
    assert publish_at(published, 1).created
    shown = rows_in(published.published_database, "fct_rank")
    assert len(shown) == 41 * ROWS
    assert {row[0] for row in shown[-ROWS:]} == {max(days)}
    assert -1 not in {row[2] for row in shown}
    assert is_shared(published, "dim_app")
    assert not is_shared(published, "fct_rank")
    with duckdb.connect(str(published.published_database), read_only=True) as con:
        [(tags,)] = con.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchall()
    assert tags["storage_version"].startswith("v1.5.0"), "that of the copy, too"

    distrust(published)
    assert publish_at(published, 2).created
    assert_shows_the_warehouse(published)


def test_a_day_that_was_corrected_is_replaced(published: Home) -> None:
    late = FIRST + timedelta(3)
    build(published, days_of(40) | {late: 7}, "run 1", {late})
    assert publish_at(published, 1).created
    assert_shows_the_warehouse(published)
    # The warehouse has it at its end, too.
    assert rows_in(published.published_database, "fct_rank") == rows_in(published.warehouse, "fct_rank")


def test_a_day_that_went_is_removed(published: Home) -> None:
    gone = FIRST + timedelta(3)
    days = days_of(40)
    del days[gone]
    build(published, days, "run 1", {gone})
    assert publish_at(published, 1).created
    assert_shows_the_warehouse(published)
    assert gone not in {row[0] for row in rows_in(published.published_database, "fct_rank")}


def test_a_day_that_was_rebuilt_to_the_same_rows_is_no_new_version(published: Home) -> None:
    build(published, days_of(40), "run 1", {FIRST})
    assert not publish_at(published, 1).created
    build(published, days_of(40), "run 2")
    assert not publish_at(published, 2).created


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE marts.fct_rank ADD COLUMN more INTEGER",
        "ALTER TABLE marts.fct_rank ALTER COLUMN n TYPE INTEGER",
        "ALTER TABLE marts.fct_rank ALTER COLUMN store_date TYPE VARCHAR",
        "ALTER TABLE marts.fct_rank ALTER COLUMN store_date DROP NOT NULL; "
        "INSERT INTO marts.fct_rank VALUES (NULL, 'no day', 1)",
        "COMMENT ON TABLE marts.fct_rank IS 'Other words.'",
        "COMMENT ON COLUMN marts.fct_rank.n IS NULL",
        "DROP TABLE upkeep.model_days",
        "INSERT INTO marts.fct_rank FROM marts.fct_rank LIMIT 3",
    ],
)
def test_a_table_that_changed_otherwise_is_replaced_whole(published: Home, change: str) -> None:
    for run in (1, 2):  # and from there on by day again, where that can be
        days = days_of(40 + run)
        build(published, days, f"run {run}", {max(days)})
        if run == 1:
            rewrite(published, change)
        assert publish_at(published, run).created
        assert is_shared(published, "dim_app")
        assert_shows_the_warehouse(published)


@pytest.fixture
def by_month(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Forty days, published: too many rows for one file, so January and February have one each."""
    monkeypatch.setattr("orchestration.publish.MOST_ROWS_A_FILE", ROWS)
    build(home, days_of(40), "run 0")
    publish_at(home)
    return home


def months_of(home: Home) -> dict[str, bool]:
    """The files of the large mart, and whether each is also one of an earlier version."""
    return {path.name: path.stat().st_nlink > 1 for path in files_of(home, "fct_rank")}


def test_a_large_mart_has_a_file_a_month(by_month: Home) -> None:
    assert_shows_the_warehouse(by_month)
    assert months_of(by_month) == {"2025-01.parquet": False, "2025-02.parquet": False}
    for path, days in zip(files_of(by_month, "fct_rank"), (31, 9), strict=True):
        [(rows, months)] = duckdb.sql(
            f"SELECT count(*), count(DISTINCT month(store_date)) FROM read_parquet('{path}')"
        ).fetchall()
        assert (rows, months) == (days * ROWS, 1)


@pytest.mark.parametrize(("position", "shared"), [(40, "2025-01.parquet"), (3, "2025-02.parquet")])
def test_of_a_large_mart_the_month_that_changed_is_written(
    by_month: Home, position: int, shared: str
) -> None:
    day = FIRST + timedelta(position)
    build(by_month, days_of(40) | {day: 1}, "run 1", {day})
    publish_at(by_month, 1)
    assert_shows_the_warehouse(by_month)
    assert [name for name, is_old in months_of(by_month).items() if is_old] == [shared]


def test_a_month_without_days_has_no_file(by_month: Home) -> None:
    gone = {FIRST + timedelta(n) for n in range(31, 40)}
    build(by_month, days_of(31), "run 1", gone)
    publish_at(by_month, 1)
    assert_shows_the_warehouse(by_month)
    assert list(months_of(by_month)) == ["2025-01.parquet"]


def test_a_mart_grows_out_of_its_file_and_back(published: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    day = FIRST + timedelta(40)
    monkeypatch.setattr("orchestration.publish.MOST_ROWS_A_FILE", 40 * ROWS)
    build(published, days_of(41), "run 1", {day})
    publish_at(published, 1)
    assert_shows_the_warehouse(published)
    assert months_of(published) == {"2025-01.parquet": False, "2025-02.parquet": False}
    build(published, days_of(40), "run 2", {day})
    publish_at(published, 2)
    assert_shows_the_warehouse(published)
    assert parquet_of(published, "fct_rank").is_file()


def test_a_month_that_is_damaged_is_healed(by_month: Home) -> None:
    path = files_of(by_month, "fct_rank")[0]
    path.write_bytes(path.read_bytes()[:-1])
    publish_at(by_month, 1)
    assert_shows_the_warehouse(by_month)
    assert months_of(by_month) == {"2025-01.parquet": False, "2025-02.parquet": False}


def test_a_model_comes_and_goes(published: Home) -> None:
    for hours, models in enumerate((["dim_app"], list(MODELS), ["fct_rank"]), start=1):
        assert publish(published, models, NOON + timedelta(hours=hours), days=DAYS).created
        with duckdb.connect(str(published.published_database), read_only=True) as con:
            shown = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        assert sorted(shown) == sorted(models)
        assert {path.stem for path in published.published_parquet.iterdir()} == set(models)


def test_after_many_changes_it_is_what_a_whole_publish_makes(published: Home, tmp_path: Path) -> None:
    chance = random.Random(7)
    days, fresh = days_of(40), Home(tmp_path / "fresh")
    fresh.root.mkdir()
    for number in range(1, 16):
        rebuilt = {FIRST + timedelta(chance.randrange(60)) for _ in range(chance.choice((1, 3, 30)))}
        for day in rebuilt:
            if chance.random() < 0.3:
                days.pop(day, None)
            else:
                days[day] = chance.randrange(3)
        build(published, days, f"run {number}", None if chance.random() < 0.1 else rebuilt)
        changed = publish_at(published, number)
        assert_shows_the_warehouse(published)
        distrust(fresh)
        fresh.warehouse.write_bytes(published.warehouse.read_bytes())
        assert digest(publish_at(fresh, number)) == digest(changed)


def digest(publication: Publication) -> str:
    return publication.version.rpartition("-")[2]


def test_many_publishes_do_not_make_the_file_grow(published: Home) -> None:
    """A table that is replaced leaves its blocks free, and they are not left lying for ever."""
    sizes = []
    for number in range(1, 13):
        rewrite(
            published,
            f"CREATE OR REPLACE TABLE marts.dim_app AS "
            f"SELECT hash(i + {number}) AS app FROM range(200000) AS r(i)",
        )
        publish_at(published, number)
        sizes.append(published.published_database.stat().st_size)
    assert max(sizes) < 3 * sizes[0], sizes
    assert_shows_the_warehouse(published)


# --- accidents ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_while_a_day_is_published(published: Home, step: str) -> None:
    before = rows_in(published.published_database, "fct_rank")
    build(published, days_of(41), "run 1", {FIRST + timedelta(40)})
    with start("killed_at", published, step) as process:
        assert process.wait() == -signal.SIGKILL
    flipped = STEPS.index(step) >= STEPS.index("flipped")
    shown = rows_in(published.published_database, "fct_rank")
    assert shown == (rows_in(published.warehouse, "fct_rank") if flipped else before)
    assert publish_at(published, 2).created is not flipped
    assert_shows_the_warehouse(published)
    build(published, days_of(42), "run 2", {FIRST + timedelta(41)})
    assert publish_at(published, 3).created
    assert_shows_the_warehouse(published)


def damage_cut(home: Home) -> None:
    os.truncate(home.published_database.resolve(), 5000)


def damage_overwritten(home: Home) -> None:
    """As many bytes as before, but others."""
    path = home.published_database.resolve()
    path.write_bytes(b"x" * path.stat().st_size)


def damage_written(home: Home) -> None:
    with duckdb.connect(str(home.published_database.resolve())) as con:
        con.execute("DELETE FROM marts.fct_rank")


def damage_parquet(home: Home) -> None:
    parquet_of(home, "dim_app").write_bytes(b"nothing")


def damage_removed(home: Home) -> None:
    parquet_of(home, "fct_rank").unlink()


def damage_added(home: Home) -> None:
    (home.published_parquet.resolve() / "mine.parquet").touch()


@pytest.mark.parametrize(
    "damage",
    [damage_cut, damage_overwritten, damage_written, damage_parquet, damage_removed, damage_added],
)
@pytest.mark.parametrize("with_news", [True, False], ids=["news", "no_news"])
def test_a_damaged_version_is_healed_and_no_part_of_the_next(
    published: Home, damage: Any, with_news: bool
) -> None:
    damage(published)
    if with_news:
        build(published, days_of(41), "run 1", {FIRST + timedelta(40)})
    assert publish_at(published, 1).created
    assert_shows_the_warehouse(published)
    assert not is_shared(published, "dim_app")


def test_what_rots_unseen_fails_one_publish_and_is_healed_by_the_next(published: Home) -> None:
    """Size and time of the file are as they were, so that nothing speaks against it but its bytes."""
    path = published.published_database.resolve()
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    build(published, days_of(41), "run 1", {FIRST + timedelta(40)})
    with pytest.raises(Exception, match="readers keep the state"):
        publish_at(published, 1)
    assert publish_at(published, 2).created
    assert_shows_the_warehouse(published)


def test_a_publish_that_failed_is_followed_by_one_that_trusts_nothing(published: Home) -> None:
    class BrokenError(Exception):
        """Whatever may go wrong."""

    def fail(step: str) -> None:
        if step == "copied":
            raise BrokenError

    build(published, days_of(41), "run 1", {FIRST + timedelta(40)})
    with pytest.raises(BrokenError):
        publish(published, MODELS, NOON + timedelta(hours=1), fail, days=DAYS)
    assert publish_at(published, 2).created
    assert not is_shared(published, "dim_app")
    assert_shows_the_warehouse(published)


@pytest.mark.parametrize("note", [b"", b"{}", b"[]", b'{"form": [], "version": ""}'])
def test_a_note_that_says_nothing_is_as_none(published: Home, note: bytes) -> None:
    before = current_version(published)
    (published.dbt_target / "published_contents.json").write_bytes(note)
    assert not publish_at(published, 1).created
    assert current_version(published) == before
    build(published, days_of(41), "run 1", {FIRST + timedelta(40)})
    assert publish_at(published, 2).created
    assert is_shared(published, "dim_app"), "it was not written anew"
    assert_shows_the_warehouse(published)


def test_where_files_cannot_have_two_names_they_are_written(
    published: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    build(published, days_of(41), "run 1", {FIRST + timedelta(40)})
    assert publish_at(published, 1).created
    assert not is_shared(published, "dim_app")
    assert_shows_the_warehouse(published)


def test_readers_of_the_version_that_is_copied_notice_nothing(published: Home) -> None:
    with duckdb.connect(str(published.published_database), read_only=True) as reader:
        before = reader.execute("FROM marts.fct_rank").fetchall()
        for number in range(1, 8):
            build(published, days_of(40 + number), f"run {number}", {FIRST + timedelta(39 + number)})
            assert publish_at(published, 48 * number).created
            assert reader.execute("FROM marts.fct_rank").fetchall() == before
    assert_shows_the_warehouse(published)
