"""`observatory run --live` and `reparse` against upstreams on loopback: what is published and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
from typer.testing import CliRunner, Result

from ingestion.settings import Home
from ingestion.sources import SOURCES
from orchestration.cli import EXIT_FAILED, EXIT_HELD_BACK, app
from tests._support import fake_source
from tests._support.asking import no_questions
from tests._support.fake_source import ITEMS
from tests._support.loading import lake_rows
from tests._support.upstream import ALWAYS, Upstream, status

DAY = "2025-01-14"
NAMES = ("first_news", "second_news")
ARTICLES = sum(ITEMS)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """Two upstreams that differ in name and host, and no others."""
    with Upstream() as server:
        for name in list(SOURCES):
            monkeypatch.delitem(SOURCES, name)
        for name in NAMES:
            source = replace(fake_source.SOURCE, name=name)
            monkeypatch.setitem(SOURCES, name, server.watch(source, fake_source.answer))
        monkeypatch.setenv("OBSERVATORY_MIRROR", server.url)
        yield server


def observatory(home: Home, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("OBSERVATORY_HOME", str(home.root))
    return CliRunner().invoke(app, list(arguments))


def loads(home: Home, table: str = "articles") -> list[tuple[object, ...]]:
    """What the published file says of the loads of both upstreams."""
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        return connection.execute(
            "select source, rows_in, rows_published, verdict from marts.fct_loads "
            f"where source in {NAMES} and table_name = '{table}' order by all"
        ).fetchall()


def partitions(home: Home) -> dict[str, bytes]:
    lake = home.lake / "raw"
    return {str(p.relative_to(lake)): p.read_bytes() for n in NAMES for p in lake.glob(f"{n}/*/*/*.parquet")}


def test_all_upstreams_reach_the_published_file_and_a_second_run_changes_nothing(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    result = observatory(loaded, monkeypatch, "run", "--live", "--date", DAY)
    assert result.exit_code == 0, result.output
    assert loads(loaded) == [(name, ARTICLES, ARTICLES, "published") for name in NAMES]
    assert set(lake_rows(loaded, "articles", "source")) >= {(name,) for name in NAMES}
    before = partitions(loaded)
    assert {path.split("/")[2] for path in before} == {f"day={DAY}"}
    result = observatory(loaded, monkeypatch, "run", "--live", "--from", DAY, "--to", DAY)
    assert result.exit_code == 0, result.output
    assert partitions(loaded) == before
    assert len(loads(loaded)) == len(NAMES)


def test_one_upstream_down_is_told_and_the_next_run_fills_it(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    first = SOURCES["first_news"]
    monkeypatch.setitem(SOURCES, "first_news", replace(first, hosts=("nobody.example.com",)))
    result = observatory(loaded, monkeypatch, "run", "--live", "--date", DAY)
    assert result.exit_code == EXIT_HELD_BACK
    (line,) = [line for line in result.output.splitlines() if line.startswith("Missing.")]
    assert line.startswith(f"Missing. first_news ({DAY}): 1 of 1 requests failed: would ask https://")
    assert loads(loaded) == [("second_news", ARTICLES, ARTICLES, "published")]
    monkeypatch.setitem(SOURCES, "first_news", first)
    result = observatory(loaded, monkeypatch, "run", "--live", "--date", DAY)
    assert result.exit_code == 0, result.output
    assert loads(loaded) == [(name, ARTICLES, ARTICLES, "published") for name in NAMES]


def test_status_tells_how_each_upstream_does(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    asked = ("run", "--live", "--date", DAY)
    observatory(loaded, monkeypatch, *asked)
    upstream.fail(status(500), times=ALWAYS)
    observatory(loaded, monkeypatch, *asked, "--source", "first_news")
    output = observatory(loaded, monkeypatch, "status").output
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines()]
    upstreams = {row[0]: row[1:] for row in rows if row[0] in NAMES and len(row) == 4}
    last_asked, last_success, lacking = upstreams["first_news"]
    assert last_asked >= last_success > "2026"
    assert lacking == DAY
    assert upstreams["second_news"][2] == ""
    assert f"missing first_news ({DAY}): 1 of 1 requests failed: answered 500 to https://" in output


def test_an_upstream_with_nothing_of_these_days_is_named(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.setitem(SOURCES, "first_news", replace(SOURCES["first_news"], ask=no_questions))
    result = observatory(loaded, monkeypatch, "run", "--live", "--date", DAY)
    assert result.exit_code == 0, result.output
    assert "Not asked, since they have nothing of these days: first_news." in result.output


def test_a_window_is_made_again_from_the_archive(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    arguments = ("--live", "--date", DAY, "--source", "second_news")
    assert observatory(loaded, monkeypatch, "run", *arguments).exit_code == 0
    assert [name for name, *_ in loads(loaded)] == ["second_news"], "the other was not asked"
    before, asked = partitions(loaded), len(upstream.asked)
    for path in before:
        (loaded.lake / "raw" / path).unlink()
    window = ("--from", "2025-01-13", "--to", "2025-01-15")
    result = observatory(loaded, monkeypatch, "reparse", "--source", "second_news", *window)
    assert result.exit_code == 0, result.output
    assert "Answers of 1 day(s) of second_news are read again" in result.output
    assert partitions(loaded) == before
    assert len(upstream.asked) == asked


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--date", DAY),
        ("run", "--live", "--date", DAY, "--from", DAY, "--to", DAY),
        ("run", "--live", "--from", DAY),
        ("run", "--live", "--from", "2025-01-15", "--to", "2025-01-14"),
        ("run", "--live", "--date", "14 January"),
        ("run", "--live", "--date", "2099-01-01"),
        ("run", "--live", "--source", "nobody"),
        ("reparse", "--source", "nobody", "--from", DAY, "--to", DAY),
        ("reparse", "--source", "first_news"),
    ],
)
def test_wrong_usage(
    home: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream, arguments: tuple[str, ...]
) -> None:
    assert observatory(home, monkeypatch, *arguments).exit_code == 2
    assert upstream.asked == []


def test_reparse_of_what_was_never_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    result = observatory(home, monkeypatch, "reparse", "--source", "first_news", "--from", DAY, "--to", DAY)
    assert result.exit_code == EXIT_FAILED
    assert "no answer of first_news" in result.output
    assert f"observatory run --live --source first_news --from {DAY} --to {DAY}" in result.output


def test_a_mirror_that_is_none_is_told_in_a_line(
    loaded: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.setenv("OBSERVATORY_MIRROR", "nonsense")
    result = observatory(loaded, monkeypatch, "run", "--live", "--date", DAY)
    assert result.exit_code == EXIT_FAILED
    assert "OBSERVATORY_MIRROR: 'nonsense' is no address of a mirror" in result.output
