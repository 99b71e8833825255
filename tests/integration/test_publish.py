"""Publishing: what readers see, before, during and after, and whatever kills the publisher."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import PublishError
from ingestion.settings import Home
from orchestration.publish import (
    KEEP_AGE,
    KEEP_COUNT,
    STEPS,
    Version,
    current_version,
    expired,
    publish,
)
from tests._support.publishing import (
    MODELS,
    NOON,
    build_warehouse,
    generation_in,
    hear,
    publish_at,
    read,
    start,
    tell,
)

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def processes() -> Iterator[Start]:
    """Starts roles of `tests._support.publishing`; ends them all after the test."""
    started: list[subprocess.Popen[str]] = []

    def start_one(role: str, home: Home, argument: str = "") -> subprocess.Popen[str]:
        started.append(start(role, home, argument))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def published(home: Home) -> Home:
    """A home that shows generation 1."""
    build_warehouse(home, 1)
    publish_at(home)
    return home


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def version_folders(home: Home) -> set[str]:
    return {path.name for path in (home.published / "versions").iterdir()}


# --- what is published ------------------------------------------------------------------------------------


def test_only_the_public_models_are_shown_with_their_comments(home: Home) -> None:
    build_warehouse(home, 3)
    publication = publish_at(home)

    assert publication.created
    assert [(t.name, t.rows, t.columns) for t in publication.tables] == [
        ("dim_app", 3, 2),
        ("fct_rank", 300, 4),
    ]
    assert tuple(publication.seconds) == STEPS
    assert publication.size_bytes > 0
    assert names_in(publication.path) == {
        "observatory.duckdb",
        "parquet",
        "parquet/dim_app.parquet",
        "parquet/fct_rank.parquet",
    }
    current = current_version(home)
    assert current is not None
    assert (current.id, current.path, current.made_at) == (publication.version, publication.path, NOON)
    with duckdb.connect(str(home.published_database), read_only=True) as con:
        assert generation_in(con) == 3
        assert con.execute(
            "SELECT schema_name, table_name, comment FROM duckdb_tables() ORDER BY table_name"
        ).fetchall() == [
            ("marts", "dim_app", "Eine Zeile je App; 小红书."),
            ("marts", "fct_rank", 'One row per app and store\'s day; "best" of the day.'),
        ]
        assert con.execute(
            "SELECT column_name, comment, is_nullable FROM duckdb_columns() WHERE table_name = 'fct_rank' "
            "ORDER BY column_index"
        ).fetchall() == [
            ("generation", None, True),
            ("app_id", None, True),
            ("store_date", None, True),
            ("rank", "Position, 1 is the top.", False),
        ]


def test_the_dictionary_lists_every_table_and_column(published: Home) -> None:
    expected = [
        ("dim_app", None, None, "Eine Zeile je App; 小红书."),
        ("dim_app", "generation", "INTEGER", None),
        ("dim_app", 'odd "name', "BIGINT[]", None),
        ("fct_rank", None, None, 'One row per app and store\'s day; "best" of the day.'),
        ("fct_rank", "generation", "INTEGER", None),
        ("fct_rank", "app_id", "VARCHAR", None),
        ("fct_rank", "store_date", "DATE", None),
        ("fct_rank", "rank", "BIGINT", "Position, 1 is the top."),
    ]
    with duckdb.connect(str(published.published_database), read_only=True) as con:
        assert con.execute("FROM marts.data_dictionary").fetchall() == expected
        assert con.execute(
            "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'data_dictionary' AND comment IS NULL"
        ).fetchall() == [(0,)]
    # Whoever attaches the file under another name, beside other databases, reads the same.
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA marts; CREATE TABLE marts.mine AS SELECT 1 AS a")
        con.execute(f"ATTACH '{published.published_database}' AS theirs (READ_ONLY)")
        assert con.execute("FROM theirs.marts.data_dictionary").fetchall() == expected


def test_each_parquet_file_holds_the_rows_of_its_table_in_order(published: Home) -> None:
    with duckdb.connect(str(published.published_database), read_only=True) as con:
        for model in MODELS:
            parquet = published.published_parquet / f"{model}.parquet"
            assert (
                con.execute(f"FROM read_parquet('{parquet}')").fetchall()
                == con.execute(f"FROM marts.{model}").fetchall()
            )
            assert con.execute(
                f"SELECT DISTINCT compression FROM parquet_metadata('{parquet}')"
            ).fetchall() == [("ZSTD",)]


def test_the_file_can_be_read_by_every_duckdb_from_1_5(published: Home) -> None:
    with duckdb.connect(str(published.published_database), read_only=True) as con:
        [(tags,)] = con.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchall()
    assert tags["storage_version"].startswith("v1.5.0")


def test_a_home_with_an_awkward_name_can_be_moved(tmp_path: Path) -> None:
    home = Home(tmp_path / "O'Neill's [home] 小")
    build_warehouse(home, 1)
    publish_at(home)
    moved = Home(tmp_path / "moved")
    home.root.rename(moved.root)
    assert read(moved) == 1
    assert {path.name for path in moved.published_parquet.iterdir()} == {
        "dim_app.parquet",
        "fct_rank.parquet",
    }
    build_warehouse(moved, 2)
    publish_at(moved, hours=1)
    assert read(moved) == 2


# --- readers ----------------------------------------------------------------------------------------------


def test_an_open_reader_keeps_its_state_and_a_new_one_sees_the_new(published: Home, processes: Start) -> None:
    elsewhere = processes("hold", published)
    assert hear(elsewhere) == 1
    with duckdb.connect(str(published.published_database), read_only=True) as here:
        for generation in (2, 3, 4):
            build_warehouse(published, generation)
            publish_at(published, hours=generation)
            assert (generation_in(here), read(published)) == (1, generation)
            assert tell(elsewhere) == [1, generation]


def test_an_open_reader_survives_the_deletion_of_its_version(published: Home) -> None:
    first = current_version(published)
    assert first is not None
    with duckdb.connect(str(published.published_database), read_only=True) as con:
        for generation in range(2, KEEP_COUNT + 2):
            build_warehouse(published, generation)
            publish_at(published, hours=48 * generation)
        assert first.id not in version_folders(published)
        assert generation_in(con) == 1


def test_a_polling_reader_never_fails_and_never_goes_back(published: Home, processes: Start) -> None:
    last = 30
    poller = processes("poll", published, str(last))
    assert hear(poller) == [1]
    for generation in range(2, last + 1):
        build_warehouse(published, generation)
        publish_at(published, hours=3 * generation)
    seen = hear(poller)
    assert poller.wait() == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 2, "the reader did not run beside the publishes"
    assert len(version_folders(published)) < last, "nothing was deleted while it read"


# --- killed, failed, doubled ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_one_whole_state_and_the_next_publish_completes(
    published: Home, processes: Start, step: str
) -> None:
    build_warehouse(published, 2)
    assert processes("killed_at", published, step).wait() == -signal.SIGKILL

    flipped = STEPS.index(step) >= STEPS.index("flipped")
    assert read(published) == (2 if flipped else 1)
    publication = publish_at(published, hours=2)
    assert publication.created is not flipped
    assert read(published) == 2
    assert not any(name.startswith(".") for name in version_folders(published))
    assert names_in(published.published) - names_in(published.published / "versions") == {
        "current",
        "versions",
        *(f"versions/{name}" for name in names_in(published.published / "versions")),
    }


def test_a_kill_during_the_first_publish_shows_nothing_rather_than_half(home: Home, processes: Start) -> None:
    build_warehouse(home, 1)
    processes("killed_at", home, "renamed").wait()
    assert current_version(home) is None
    assert not home.published_database.exists()
    publish_at(home, hours=1)
    assert read(home) == 1


def test_a_version_that_reads_back_wrong_is_not_shown(published: Home) -> None:
    build_warehouse(published, 2)
    before = version_folders(published)

    def break_it(step: str) -> None:
        if step == "renamed":
            [new] = version_folders(published) - before - {".spill"}
            os.truncate(published.published / "versions" / new / "observatory.duckdb", 5000)

    with pytest.raises(PublishError, match="does not read back"):
        publish(published, MODELS, NOON + timedelta(hours=1), break_it)
    assert version_folders(published) == before
    assert read(published) == 1


def test_two_publishes_do_not_interleave(published: Home) -> None:
    build_warehouse(published, 2)
    steps: list[tuple[str, str]] = []
    second = threading.Thread(
        target=publish,
        args=(published, MODELS, NOON + timedelta(hours=2), lambda step: steps.append(("second", step))),
    )

    def first_step(step: str) -> None:
        steps.append(("first", step))
        if step == "compared":
            second.start()

    publish(published, MODELS, NOON + timedelta(hours=1), first_step)
    second.join(timeout=60)
    assert steps == [*(("first", step) for step in STEPS), ("second", "compared"), ("second", "cleaned")]


# --- unchanged --------------------------------------------------------------------------------------------


def test_the_same_content_in_another_order_is_not_published_again(published: Home) -> None:
    before = current_version(published)
    assert before is not None
    with duckdb.connect(str(published.warehouse)) as con:
        con.execute("CREATE TABLE shuffled AS FROM marts.fct_rank ORDER BY hash(rank)")
        con.execute("DELETE FROM marts.fct_rank; INSERT INTO marts.fct_rank FROM shuffled")
    publication = publish_at(published, hours=1)
    assert not publication.created
    assert (publication.version, publication.path) == (before.id, before.path)
    assert current_version(published) == before
    assert version_folders(published) == {before.id}
    assert [table.rows for table in publication.tables] == [1, 100]


@pytest.mark.parametrize(
    "change",
    [
        "COMMENT ON TABLE marts.dim_app IS 'Another description.'",
        "COMMENT ON COLUMN marts.fct_rank.rank IS NULL",
        "ALTER TABLE marts.fct_rank ALTER COLUMN rank DROP NOT NULL",
        "ALTER TABLE marts.fct_rank ALTER COLUMN generation TYPE BIGINT",
        "ALTER TABLE marts.fct_rank RENAME COLUMN app_id TO application_id",
        "UPDATE marts.fct_rank SET rank = rank + 1 WHERE rank = 50",
        "UPDATE marts.fct_rank SET app_id = NULL WHERE rank = 50",
        "INSERT INTO marts.fct_rank FROM marts.fct_rank",
    ],
)
def test_any_change_of_rows_schema_or_comments_is_published(published: Home, change: str) -> None:
    with duckdb.connect(str(published.warehouse)) as con:
        con.execute(change)
    assert publish_at(published, hours=1).created


def test_a_model_that_is_no_longer_public_disappears(published: Home) -> None:
    assert publish(published, ["dim_app"], NOON + timedelta(hours=1)).created
    with duckdb.connect(str(published.published_database), read_only=True) as con:
        assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("dim_app",)]
    assert {path.name for path in published.published_parquet.iterdir()} == {"dim_app.parquet"}


def test_an_unchanged_publish_heals_what_was_damaged(published: Home) -> None:
    published.published_database.unlink()
    assert not publish_at(published, hours=1).created
    assert read(published) == 1
    (published.published_parquet / "dim_app.parquet").unlink()
    assert publish_at(published, hours=2).created
    os.truncate(published.published_database.resolve(), 5000)
    assert publish_at(published, hours=3).created
    assert read(published) == 1


# --- refused ----------------------------------------------------------------------------------------------


def refused(home: Home, says: str, models: tuple[str, ...] = MODELS) -> None:
    """Publishing fails with these words, and leaves what was there, and nothing else."""
    before = (names_in(home.published), current_version(home))
    with pytest.raises(PublishError, match=says):
        publish(home, models, NOON + timedelta(hours=1))
    assert (names_in(home.published), current_version(home)) == before
    assert read(home) == 1


def test_a_missing_warehouse_is_refused(published: Home) -> None:
    published.warehouse.unlink()
    refused(published, "there is no warehouse .* Run `observatory run`")


def test_a_file_that_is_no_database_is_refused(published: Home) -> None:
    published.warehouse.write_bytes(b"not a database" * 1000)
    refused(published, "cannot be read: .* Move the file away")


def test_an_empty_warehouse_is_refused(published: Home) -> None:
    published.warehouse.unlink()
    duckdb.connect(str(published.warehouse)).close()
    refused(published, r"no table for marts\.dim_app, marts\.fct_rank")


def test_a_missing_model_is_refused_by_name(published: Home) -> None:
    refused(published, r"no table for marts\.fct_claims\b", (*MODELS, "fct_claims"))


def test_a_view_is_refused(published: Home) -> None:
    with duckdb.connect(str(published.warehouse)) as con:
        con.execute("CREATE VIEW marts.fct_view AS SELECT 1 AS a")
    refused(published, r"no table for marts\.fct_view\b.*as tables", (*MODELS, "fct_view"))


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ((), "no model is public"),
        (("../dim_app",), r"cannot be published: \.\./dim_app"),
        (("data_dictionary",), "cannot be published: data_dictionary"),
    ],
)
def test_an_unusable_list_of_models_is_refused(published: Home, models: tuple[str, ...], says: str) -> None:
    refused(published, says, models)


def test_a_warehouse_that_another_process_writes_is_refused(published: Home, processes: Start) -> None:
    writer = processes("write", published)
    assert hear(writer) == "open"
    refused(published, "Could not set lock .* Wait until the build has ended")
    writer.communicate()
    build_warehouse(published, 2)
    assert publish_at(published, hours=1).created


def test_a_warehouse_that_this_process_writes_is_refused(published: Home) -> None:
    with duckdb.connect(str(published.warehouse)):
        refused(published, "Unique file handle conflict.* Wait until the build has ended")


def test_a_file_in_the_place_of_the_link_is_not_overwritten(home: Home) -> None:
    build_warehouse(home, 1)
    home.published_database.write_text("somebody's own")
    with pytest.raises(PublishError, match=r"is not a link.* Move it away"):
        publish_at(home)
    assert home.published_database.read_text() == "somebody's own"
    assert current_version(home) is None


def test_a_local_time_is_refused(published: Home) -> None:
    with pytest.raises(ValueError, match="aware"):
        publish(published, MODELS, datetime(2025, 1, 21, 12))  # noqa: DTZ001


# --- old versions -----------------------------------------------------------------------------------------


def versions_made(*hours: float) -> list[Version]:
    return [Version(f"v{h}", Path(f"v{h}"), NOON + timedelta(hours=h), "d") for h in hours]


def test_versions_go_only_when_both_many_and_long_out_of_sight() -> None:
    hourly = versions_made(*range(8))
    day = KEEP_AGE / timedelta(hours=1)
    for after, gone in [(0, 0), (day, 0), (day + 1, 1), (day + 2, 2), (day + 3, 3), (1000, 3)]:
        assert expired(hourly, hourly[-1], NOON + timedelta(hours=after)) == hourly[:gone]
    # Made long ago, but seen by readers until an hour ago.
    slow = versions_made(-1000, -1, *(minute / 60 for minute in range(KEEP_COUNT)))
    assert expired(slow, slow[-1], NOON + timedelta(hours=1)) == []


def test_the_current_version_stays_even_when_it_is_the_oldest() -> None:
    rolled_back = versions_made(*range(8))
    later = NOON + timedelta(days=30)
    assert expired(rolled_back, rolled_back[0], later) == rolled_back[1:3]
    assert expired([], rolled_back[0], later) == []


def test_a_clock_that_stands_still_or_goes_back_still_makes_younger_versions(published: Home) -> None:
    made = [current_version(published)]
    for generation, hours in ((2, 0), (1, 0), (3, -5)):
        build_warehouse(published, generation)
        publish_at(published, hours=hours)
        assert read(published) == generation
        made.append(current_version(published))
    instants = [version.made_at for version in made if version is not None]
    assert all(earlier < later for earlier, later in itertools.pairwise(instants))
    assert len(instants) == len(version_folders(published)) == 4


# --- dbt in the same process ------------------------------------------------------------------------------

DBT_RUN = """
import sys
from pathlib import Path
from dbt.cli.main import dbtRunner
from ingestion.settings import Home
from tests._support.publishing import NOON, read
from orchestration.dbt import close_warehouse
from orchestration.publish import publish

home, project = Home(Path(sys.argv[1])), sys.argv[2]
for _ in range(2):
    outcome = dbtRunner().invoke(["build", "--quiet", "--project-dir", project, "--profiles-dir", project])
    assert outcome.success, outcome.exception
    close_warehouse()
    publication = publish(home, ["dim_app"], NOON)
print(publication.created, publication.tables[0].rows)
"""


def test_dbt_gives_the_warehouse_back_to_the_process_that_ran_it(home: Home, tmp_path: Path) -> None:
    """The reason for `close_warehouse`: without it the publish is refused."""
    home.root.mkdir()
    project = tmp_path / "project"
    for name, text in {
        "dbt_project.yml": "{name: small, version: '1.0', profile: small, models: {+materialized: table, "
        "+persist_docs: {relation: true, columns: true}}, flags: {send_anonymous_usage_stats: false}}",
        "profiles.yml": f"small: {{target: t, outputs: {{t: {{type: duckdb, path: '{home.warehouse}', "
        f"schema: marts, keep_open: true, config_options: {{preserve_insertion_order: false, "
        f"temp_directory: '{tmp_path / 'spill'}'}}}}}}}}",
        "models/dim_app.sql": "select 1 as app_id",
        "models/m.yml": "models: [{name: dim_app, description: A grain., "
        "columns: [{name: app_id, description: A key.}]}]",
    }.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ran = subprocess.run(
        [sys.executable, "-c", DBT_RUN, str(home.root), str(project)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == ["False", "1"], ran.stdout + ran.stderr
    with duckdb.connect(str(home.published_database), read_only=True) as con:
        assert con.execute("FROM marts.data_dictionary").fetchall() == [
            ("dim_app", None, None, "A grain."),
            ("dim_app", "app_id", "INTEGER", "A key."),
        ]
