"""Two main jobs on one home at the same moment; run history in SQLite, and in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import duckdb
import pytest

from ingestion.errors import SettingError
from ingestion.loads import read_loads
from ingestion.settings import Home
from orchestration.doctor import Level, examine
from orchestration.session import prepare_instance
from orchestration.storage import POSTGRES_VARIABLE, postgres_url, prepare_storage
from tests._support.loading import VENDOR, csv_text, drop
from tests._support.postgres import PASSWORD, new_database, postgres_server
from tests._support.runs import run_at_once

FILES = 4
LEAKING = (PASSWORD, "p%40ss")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postgres_server() as port:
        yield port


def marts(home: Home) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
        return {name: connection.execute(f"from marts.{name} order by all").fetchall() for name in tables}


def drop_statements(home: Home) -> None:
    for number in range(FILES):
        row = {**VENDOR, "statement_id": f"V{number}", "observed_date": f"2025-01-2{number}"}
        drop(home, f"published_metrics__{number}.csv", csv_text([row]))


def check_two_runs(home: Home, environ: dict[str, str]) -> str:
    """Both end well, and what was dropped is in the marts once. Gives what the runs wrote."""
    before = marts(home)
    drop_statements(home)
    told = run_at_once(home, 2, [], environ)
    for one in told:
        assert one.outcome["published"], one.outcome["failures"]
        assert not one.outcome["failures"]
    after = marts(home)
    fresh = [row for row in after["fct_published_metrics"] if "Example Vendor" in row]
    assert len(fresh) == FILES
    assert len(after["fct_published_metrics"]) == len(before["fct_published_metrics"]) + FILES
    assert after["fct_chart_rank_daily"] == before["fct_chart_rank_daily"]
    assert after["migration_episodes"] == before["migration_episodes"]
    loads = [one for one in read_loads(home) if one.file_name.startswith("published_metrics__")]
    assert len(loads) == FILES, "each file is loaded by one run alone"
    assert {(one.rows_in, one.rows_published) for one in loads} == {(1, 1)}
    assert len([row for row in after["fct_loads"] if "import" in row]) == FILES
    assert not list(home.inbox.glob("published_metrics__*"))
    return "".join(one.errors for one in told)


def runs_of(instance: dg.DagsterInstance) -> list[dg.DagsterRunStatus]:
    return [run.status for run in instance.get_runs()]


def test_two_runs_at_once_end_well_and_load_each_file_once(loaded: Home) -> None:
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        earlier = len(runs_of(instance))
    check_two_runs(loaded, {})
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        assert runs_of(instance) == [dg.DagsterRunStatus.SUCCESS] * (earlier + 2)


@pytest.mark.thorough
def test_history_in_postgres_of_two_runs_at_once(
    loaded: Home, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = set(loaded.dagster.rglob("*.db"))
    url = new_database(port, "two_runs")
    said = check_two_runs(loaded, {POSTGRES_VARIABLE: url})
    monkeypatch.setenv(POSTGRES_VARIABLE, url)
    with dg.DagsterInstance.from_config(str(prepare_instance(loaded))) as instance:
        assert runs_of(instance) == [dg.DagsterRunStatus.SUCCESS] * 2, "a new history: SQLite's is left"
        built = instance.get_latest_materialization_event(dg.AssetKey("observatory"))
        assert built is not None and built.asset_materialization is not None
        assert all(word not in instance.info_str() for word in LEAKING)
    assert set(loaded.dagster.rglob("*.db")) == files, "nothing is kept in SQLite beside it"
    assert all(word not in said for word in LEAKING)
    for path in (path for path in loaded.root.rglob("*") if path.is_file()):
        assert all(word.encode() not in path.read_bytes() for word in LEAKING), path


def test_four_who_make_the_history_at_once(home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: prepare_storage(home, {}), range(4)))
    with dg.DagsterInstance.from_config(str(folders[0])) as instance:
        assert runs_of(instance) == []


def test_doctor_knows_the_server(home: Home, port: int) -> None:
    url = new_database(port, "doctor")

    def of(address: str) -> tuple[Level, str]:
        (one,) = [one for one in examine(home, {POSTGRES_VARIABLE: address}) if one.what == "run history"]
        assert all(word not in f"{one.said} {one.remedy}" for word in LEAKING)
        return one.level, one.said

    level, said = of(url)
    assert level is Level.OK and f"127.0.0.1:{port}/doctor" in said
    assert of("") == (Level.OK, "in SQLite, in the home")
    assert of(url.replace("doctor", "nowhere"))[0] is Level.FAIL
    assert of(url.replace("%3Aof-a-test", "%3Aof-another"))[0] is Level.FAIL


@pytest.mark.parametrize(
    "given",
    [
        "nonsense",
        "mysql://observatory:s3cret@127.0.0.1/history",
        "postgresql://observatory:s3cret@127.0.0.1",
        "postgresql://observatory:s3@cret@127.0.0.1/history",
        "postgresql://observatory:s3cret@127.0.0.1:s3cret/history",
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(given: str) -> None:
    with pytest.raises(SettingError) as told:
        postgres_url({POSTGRES_VARIABLE: given})
    assert told.value.source == POSTGRES_VARIABLE
    assert "cret" not in str(told.value)


def test_a_server_that_does_not_answer_is_told_in_a_line(home: Home) -> None:
    environ = {POSTGRES_VARIABLE: "postgresql://observatory:s3cret@127.0.0.1:1/history"}
    with pytest.raises(SettingError, match="/history does not let us in") as told:
        prepare_storage(home, environ)
    assert "s3cret" not in str(told.value) and "\n" not in str(told.value)
    assert not home.dagster.exists()


def test_back_to_sqlite(home: Home, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POSTGRES_VARIABLE, new_database(port, "for_a_while"))
    prepare_instance(home)
    assert not list(home.dagster.rglob("*.db"))
    monkeypatch.delenv(POSTGRES_VARIABLE)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        assert runs_of(instance) == []
    assert list(home.dagster.rglob("*.db"))
