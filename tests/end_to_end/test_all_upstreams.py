"""Three live runs with every upstream that is asked by default: one is down, all answer, there is no network.

They happen once, one after the other, through the command, the real client and its real time-outs; the tests
look at what each of them told and left.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from ingestion.settings import Home
from ingestion.sources import SOURCES
from ingestion.windows import WindowState, day_reports
from orchestration import cli
from orchestration.cli import EXIT_HELD_BACK
from orchestration.installation import Clock
from tests._support.everyone import all_watched
from tests._support.upstream import ALWAYS, Upstream, status

START = datetime(2026, 11, 20, 6, 7, tzinfo=UTC)
"""A Friday; it has begun everywhere that is watched: in New York it is a little past one."""
DAY = START.date()
DEFAULT = [source for source in SOURCES.values() if source.is_default]
DOWN = SOURCES["wikimedia_pageviews"]
DOWN_DAYS = [DAY - timedelta(days=2), DAY - timedelta(days=1)]
"""Page views of a day are counted when it is over."""
LOOK_BACK = {DOWN.name: len(DOWN_DAYS)}
"""Nobody else looks back here: GDELT's files of the day before would take long and show nothing more."""

LOOKED_AT = ("apple_marketing_feed", "apple_legacy_feed", "google_play_charts")
TIME_OUT_SECONDS = 300.0

SEEN = {
    "charts": "select * from marts.fct_chart_rank_daily "
    f"where store_date = '{DAY}' and rank_status = 'ranked' and country = 'US' and platform_id = 'tiktok'",
    "news": "select * from marts.fct_news_daily "
    f"where news_date = '{DAY}' and platform_id = 'tiktok' and matching_items > 0 and share > 0",
    "finance": "select * from marts.fct_returns_daily "
    "join marts.fct_company_quarters using (company_id, provenance) "
    f"where vintage = '{DAY}' and simple_return is not null",
    "attention": "select * from marts.fct_attention_daily "
    f"where attention_date = '{DOWN_DAYS[1]}' and value > 0",
}
"""A row of each group, as a reader would look for it. Page views of `DAY` are there tomorrow."""

ATTENTION_DAYS = (
    "select distinct attention_date from marts.fct_attention_daily where provenance = 'live' order by all"
)


@dataclass(frozen=True)
class Told:
    """What a run said, and what stood there after it."""

    home: Home
    exit_code: int
    output: str
    seconds: float
    asked: int
    lake: dict[str, bytes]
    published: bytes

    @property
    def missing(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.startswith("Missing.")]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home.published_database), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@dataclass
class Runs:
    """An installation, its upstreams, and the time there."""

    home: Home
    upstream: Upstream
    copies: Path
    now: datetime = START

    def run(self, *arguments: str) -> Told:
        asked, began = len(self.upstream.asked), time.monotonic()
        result = CliRunner().invoke(cli.app, ["run", "--live", "--date", str(DAY), *arguments])
        seconds = time.monotonic() - began
        copy = Home(self.copies / f"after_{self.now:%H%M}")
        copy.root.mkdir(parents=True)
        shutil.copyfile(self.home.published_database, copy.published_database)
        shutil.copytree(self.home.archive / "windows", copy.archive / "windows")
        self.now += timedelta(hours=1)
        raw = self.home.lake / "raw"
        return Told(
            home=copy,
            exit_code=result.exit_code,
            output=result.output,
            seconds=seconds,
            asked=len(self.upstream.asked) - asked,
            lake={str(path.relative_to(raw)): path.read_bytes() for path in raw.glob("*/*/day=*/*.parquet")},
            published=self.home.published_database.read_bytes(),
        )


@dataclass(frozen=True)
class Story:
    one_down: Told
    healed: Told
    no_network: Told


@pytest.fixture(scope="module")
def story(case_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("all_upstreams")
    home = Home(folder / "home")
    shutil.copytree(case_home.root, home.root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream:
        runs = Runs(home, upstream, folder)
        for name, source in all_watched(upstream).items():
            patch.setitem(SOURCES, name, replace(source, look_back_days=LOOK_BACK.get(name, 0)))
        patch.setenv("OBSERVATORY_HOME", str(home.root))
        patch.setenv("OBSERVATORY_MIRROR", upstream.url)
        patch.setattr(cli, "_now", lambda: runs.now)
        patch.setattr(Clock, "now", lambda self: runs.now)
        upstream.fail(status(500), times=ALWAYS, when=lambda asked: asked.host in DOWN.hosts)
        one_down = runs.run()
        upstream.heal()
        healed = runs.run()
        upstream.__exit__(None, None, None)
        yield Story(one_down, healed, runs.run())


def test_every_source_is_in_the_lake_and_in_the_published_ledger(story: Story) -> None:
    assert story.healed.exit_code == 0, story.healed.output
    assert story.healed.missing == []
    assert tables_in(story.healed.lake) >= {(s.name, table) for s in DEFAULT for table in s.tables}
    ledger = story.healed.query("select source, table_name, verdict, rows_published > 0 from marts.fct_loads")
    assert set(ledger) >= {(s.name, table, "published", True) for s in DEFAULT for table in s.tables}


@pytest.mark.parametrize(("group", "sql"), SEEN.items())
def test_each_group_is_seen_in_a_mart(story: Story, group: str, sql: str) -> None:
    assert group in {source.group for source in DEFAULT}
    assert story.healed.query(f"{sql} and provenance = 'live' limit 1") != []


def test_what_one_upstream_does_not_answer_is_told_in_a_line_and_the_others_are_published(
    story: Story,
) -> None:
    told = story.one_down
    assert told.exit_code == EXIT_HELD_BACK
    (line,) = told.missing
    assert line.startswith(
        f"Missing. {DOWN.name} ({DOWN_DAYS[0]} to {DOWN_DAYS[1]}): 58 of 58 requests failed: "
    )
    assert "answered 500" in line
    assert line.endswith("The next run asks again.")
    published = told.query("select distinct source from marts.fct_loads where verdict = 'published'")
    assert {name for (name,) in published} >= {source.name for source in DEFAULT} - {DOWN.name}
    assert DOWN.name not in {name for (name,) in published}
    assert {report.state for report in day_reports(told.home, DOWN.name)} == {WindowState.MISSING}


def test_the_next_run_fills_exactly_what_was_missing(story: Story) -> None:
    """GDELT has gone on meanwhile, and a second look at a chart counts. The others say what they said."""
    before, after = story.one_down.lake, story.healed.lake
    filled = {f"{DOWN.name}/attention/day={day}/data.parquet" for day in DOWN_DAYS}
    assert {path for path in set(after) - set(before) if not is_ledger(path)} == filled
    changed = {path for path in before if not is_ledger(path) and after.get(path) != before[path]}
    assert {path.split("/")[0] for path in changed} <= {"gdelt_gkg", *LOOKED_AT}
    assert story.healed.query(ATTENTION_DAYS) == [(day,) for day in DOWN_DAYS]
    assert story.one_down.query(ATTENTION_DAYS) == []
    states = {report.state for report in day_reports(story.healed.home, DOWN.name)}
    assert states <= {WindowState.COMPLETE, WindowState.OPEN}


def test_without_a_network_each_source_says_in_one_line_what_to_do_and_nothing_is_lost(
    story: Story,
) -> None:
    told = story.no_network
    assert told.exit_code == EXIT_HELD_BACK
    assert told.seconds < TIME_OUT_SECONDS
    assert told.asked == 0
    named = [re.sub(r"Missing\. (\w+) \(.*", r"\1", line) for line in told.missing]
    assert sorted(named) == sorted(source.name for source in DEFAULT)
    for line in told.missing:
        assert re.search(r"could not be reached at [\w.]+: Connection refused", line), line
        assert line.endswith("Check the network; the next run asks again.")
    assert "Traceback" not in told.output
    assert _without_looks(told.lake) == _without_looks(story.healed.lake)
    assert set(told.lake) >= set(story.healed.lake)


def _without_looks(lake: dict[str, bytes]) -> dict[str, bytes]:
    """The lake without its ledger and the looks at charts: one that failed is a row, too."""
    return {p: c for p, c in lake.items() if not is_ledger(p) and p.split("/")[0] not in LOOKED_AT}


def test_the_ledger_remembers_when_each_source_last_succeeded(story: Story) -> None:
    for source in DEFAULT:
        reports = day_reports(story.no_network.home, source.name)
        assert {report.state for report in reports} == {WindowState.MISSING}
        assert max(r.completed_at for r in reports if r.completed_at) == START + timedelta(hours=1)


def tables_in(lake: dict[str, bytes]) -> set[tuple[str, str]]:
    """Sources and the tables that they have partitions of."""
    return {(source, table) for source, table, *_ in (path.split("/") for path in lake)}


def is_ledger(path: str) -> bool:
    return path.startswith("observatory/loads/")
