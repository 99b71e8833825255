"""One suite that every source passes by being registered, against a real server on loopback.

What the upstream answers when all is well comes from `tests/_support/upstreams/<name>.py`: a function
`answer(request) -> bytes` in the upstream's real format. Everything that can go wrong is added here. Such a
module may also say `NOW`, the moment at which its upstream is asked, and `WINDOW`, the days; without them it
is asked for its today, early on a Friday, or, if that is too early, for the day before.

Whatever happens: nothing is raised, nothing that was received is lost, rows in = rows published + rows
quarantined, and what is missing is told in one line.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ingestion.archive import receipts
from ingestion.captures import Capture, Stage, captures_of, question_of
from ingestion.conform import AS_GIVEN, conform
from ingestion.effects import in_utc
from ingestion.fetch import FetchResult, fetch, reparse, today
from ingestion.http import Client
from ingestion.load import LoadResult, load_pending
from ingestion.network import is_public
from ingestion.parsed import code_fingerprint
from ingestion.readers import rows_from_records
from ingestion.settings import WATCHLIST, Home
from ingestion.source import Asking, Kind, Parsed, Request, Row, Source, Window, WrongAnswerError
from ingestion.sources import SOURCES
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import Watchlist, parse_watchlist
from tests._support import fake_source
from tests._support.answers import answer_of
from tests._support.asking import QUICK, Sleeper, client_of
from tests._support.loading import files
from tests._support.reshaping import with_a_new_column, with_each_column_null, without_each_column
from tests._support.upstream import (
    ALWAYS,
    HTML,
    Answering,
    Fault,
    Upstream,
    announced,
    bomb,
    changed,
    cut,
    declared_as,
    hanging,
    html,
    redirect,
    status,
    with_body,
    zipped_by,
)

EARLY = datetime(2026, 11, 20, 1, 7, tzinfo=UTC)
GOLDEN = Path(__file__).parent.parent / "golden"
PLATFORMS = ("tiktok", "xiaohongshu", "lemon8", "instagram")
STOREFRONTS = ("US", "JP")
FEW = 2
CUTS = (0.0, 0.02, 0.3, 0.5, 0.9, 0.99)
DAMAGES = 40
HOLDS_THE_PIECES = {
    "apple_legacy_feed": {"entry"},
    "wayback_charts": {"entry"},
    "gdelt_doc": {"articles"},
    "feeds": {"{http://www.w3.org/2005/Atom}entry", "channel", "item"},
    "ecb_rates": {"rate"},
    "sec_edgar": {"dei", "us-gaap", "units", "shares", "USD", "EntityCommonStockSharesOutstanding",
                  "RevenueFromContractWithCustomerExcludingAssessedTax"},
    # Records are searched: one without an address, or without what names a platform, is counted in the note.
    "gdelt_gkg": {"column 5", "column 15", "column 27"},
}  # fmt: skip
"""Names, by source, without which there is no list of pieces left, or an empty one."""
SLOW_SECONDS = 20.0
"""What no answer of a few kilobytes may take to be refused."""

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "%s">%s]><rss><channel><item><title>&j;</title>
<link>https://x.example/</link></item></channel></rss>""" % (
    b"ha" * 100,
    b"".join(b'<!ENTITY %c "%s">' % (c + 1, b"&%c;" % c * 100) for c in range(ord("a"), ord("j"))),
)
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<rss><channel><item><title>&x;</title><link>https://x.example/</link></item></channel></rss>"""


# --- what is asked of whom ------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A source, how its upstream answers, and when it is asked."""

    source: Source
    answering: Answering
    now: datetime
    window: Window

    @property
    def name(self) -> str:
        return self.source.name

    def asking(self, now: datetime) -> Asking:
        """What the source knows when it asks at `now`."""
        return Asking(self.window, watchlist(), now)


def case_of(source: Source) -> Case:
    module = fake_source
    if source is not fake_source.SOURCE:
        module = importlib.import_module(f"tests._support.upstreams.{source.name}")
    now = getattr(module, "NOW", EARLY)
    alone = replace(source, look_back_days=0)
    return Case(alone, module.answer, now, getattr(module, "WINDOW", None) or _window(alone, now))


def _window(source: Source, now: datetime) -> Window:
    """Today; or yesterday, for an upstream that has nothing of today yet."""
    window = today(source, now)
    if next(source.ask(Asking(window, watchlist(), now)), None):
        return window
    return Window(window.first - timedelta(days=1), window.last - timedelta(days=1))


REGISTERED = {**SOURCES, fake_source.SOURCE.name: fake_source.SOURCE}


@pytest.fixture(params=REGISTERED)
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(REGISTERED[request.param])


@cache
def watchlist() -> Watchlist:
    """A part of the bundled watchlist: enough to ask for, and little enough to be quick."""
    whole = parse_watchlist(WATCHLIST.read_bytes())
    quoted = [name for name, company in whole.companies.items() if company.symbol and company.cik]
    owners = {whole.platforms[name].owner for name in PLATFORMS}
    companies = {name: c for name, c in whole.companies.items() if name in owners or name in quoted[:FEW]}
    return whole.model_copy(
        update={
            "platforms": {name: whole.platforms[name] for name in PLATFORMS},
            "companies": companies,
            "storefronts": {country: whole.storefronts[country] for country in STOREFRONTS},
            "feeds": dict(list(whole.feeds.items())[:FEW]),
        }
    )


class World:
    """An installation, the upstream, and a clock that goes on by sleeping alone."""

    def __init__(self, home: Home, upstream: Upstream, case: Case) -> None:
        self.home = home
        self.upstream = upstream
        self.case = case
        self.source = upstream.watch(case.source, case.answering)
        self.clock = Sleeper(moment=case.now)
        self.patience = replace(QUICK, read_seconds=5.0, total_seconds=30.0)

    def client(self) -> Client:
        return client_of(self.upstream.url, self.clock, patience=self.patience)

    def fetch(self, window: Window | None = None) -> FetchResult:
        client = self.client()
        try:
            result = fetch(
                self.home,
                self.source,
                window or self.case.window,
                watchlist=watchlist(),
                client=client,
                now=self.clock.now,
            )
        finally:
            client.close()
        assert result.problem is None
        assert not any("\n" in line for line in result.missing)
        assert not any("the source failed" in line for line in result.missing), result.missing
        assert not any("its reader failed" in line for line in result.missing), result.missing
        return result

    def load(self) -> list[LoadResult]:
        self.clock.moment += timedelta(seconds=1)
        ids = watchlist().ids()
        results = [r for t in self.source.tables for r in load_pending(self.home, t, ids, self.clock.now)]
        for result in results:
            record = result.record
            assert record.verdict != "failed", record.reason
            assert record.rows_in == record.rows_published + record.rows_quarantined
        return results

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """What the lake has of each table, without what says when and by which load it came."""
        found = {}
        for name in self.source.tables:
            columns = ", ".join(f'"{column}"' for column in RAW_TABLES[name].column_names)
            glob = f"{self.home.lake}/raw/{self.source.name}/{name}/day=*/*.parquet"
            if list((self.home.lake / "raw" / self.source.name / name).glob("day=*/*.parquet")):
                query = f"SELECT {columns} FROM read_parquet('{glob}') ORDER BY ALL"
                found[name] = duckdb.execute(query).fetchall()
        return found

    def captures(self) -> list[Capture]:
        folder = self.home.archive / "captures" / self.source.name
        days = sorted(date.fromisoformat(path.name) for path in folder.glob("????-??-??"))
        return [c for day in days for c in captures_of(self.home, self.source.name, day)]

    def requests(self) -> list[Request]:
        """Each question once."""
        return list({question_of(c.request): c.request for c in self.captures()}.values())

    def parsed(self) -> list[Parsed]:
        """What the source reads in all answers that it accepted."""
        accepted = [capture for capture in self.captures() if capture.refused is None]
        return [self.source.read(capture.answer(self.home), watchlist()) for capture in accepted]

    def spoil(self, *faults: Fault, times: int = 1) -> None:
        self.upstream.fail(*faults, times=times)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def world(home: Home, upstream: Upstream, case: Case, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(home, upstream, case)
    monkeypatch.setitem(SOURCES, case.name, made.source)
    return made


@dataclass(frozen=True)
class Recorded:
    """An answer of a day on which all went well."""

    request: Request
    content: bytes
    fetched_at: datetime


_RECORDED: dict[str, list[Recorded]] = {}


@pytest.fixture
def recorded(world: World) -> list[Recorded]:
    """One answer of each kind that the source asks for: all of them would say the same."""
    if world.case.name not in _RECORDED:
        world.fetch()
        seen: dict[tuple[object, ...], Recorded] = {}
        for capture in world.captures():
            content = capture.answer(world.home).content()
            asked = capture.request
            alike = (asked.kind, asked.method, *asked.labels, re.sub(r"\d+", "", asked.url)[:60])
            seen.setdefault(alike, Recorded(asked, content, capture.fetched_at))
        _RECORDED[world.case.name] = list(seen.values())[:4]
    return _RECORDED[world.case.name]


def read(case: Case, one: Recorded, content: bytes, folder: Path, *, code: int = 200) -> Parsed | None:
    """What the source reads in `content`; None for an answer that it refuses. Nothing else may happen."""
    answer = answer_of(one.request, content, folder=folder, status=code, fetched_at=one.fetched_at)
    try:
        parsed = case.source.read(answer, watchlist())
    except WrongAnswerError as error:
        assert str(error)
        return None
    finally:
        answer.path.unlink(missing_ok=True)
    assert set(parsed.rows) | {piece.table for piece in parsed.broken} <= set(case.source.tables)
    return parsed


def pieces(parsed: Parsed) -> int:
    return sum(map(len, parsed.rows.values())) + len(parsed.broken)


def elements(parsed: Parsed) -> int:
    """Pieces of an answer: rows of the table with the most (others follow from it), and broken ones."""
    return max(map(len, parsed.rows.values()), default=0) + len(parsed.broken)


def looks(world: World) -> list[tuple[object, ...]]:
    """The storefront day and the status of each look at a chart that is in the lake."""
    names = RAW_TABLES["chart_captures"].column_names
    places = [names.index(name) for name in ("store_date", "capture_status")]
    return [tuple(row[place] for place in places) for row in world.rows().get("chart_captures", [])]


def observed(parsed: Parsed) -> dict[str, list[dict[str, object]]]:
    return {table: [dict(row) for row in rows] for table, rows in parsed.rows.items()}


# --- what is declared -----------------------------------------------------------------------------


def test_it_declares_what_it_is(case: Case) -> None:
    source = case.source
    assert re.fullmatch(r"[a-z][a-z0-9_]*", source.name)
    assert source.name not in {"import", "watchlist", "observatory", "_contract"}
    assert source.group in {"charts", "news", "finance", "attention"}
    assert source.description.endswith(".")
    assert source.tables
    assert set(source.tables) <= set(RAW_TABLES)
    assert source.hosts
    assert source.provenance in {"live", "archive"}
    assert source.pace.requests_per_minute > 0
    assert source.pace.at_once > 0
    assert 0 <= source.look_back_days <= 31
    assert ZoneInfo(source.day_zone)
    assert len(code_fingerprint(source.read.__module__)) == 16


def test_it_asks_its_own_hosts_for_bounded_answers_and_always_the_same(case: Case) -> None:
    first, again = (next(case.source.ask(case.asking(case.now))) for _ in range(2))
    assert first == again
    for request in first:
        host = re.sub(r"^https?://([^/:]+).*", r"\1", request.url)
        assert "*" in case.source.hosts or host in case.source.hosts
        assert 0 < request.max_bytes <= request.max_unpacked_bytes <= 2**30
        assert request.method in {"GET", "POST"}
        assert (request.body is None) == (request.method == "GET")


def test_it_needs_no_key(case: Case) -> None:
    """Whatever is asked by default can be asked by anybody."""
    for request in next(case.source.ask(case.asking(case.now))) if case.source.is_default else []:
        assert not re.search(r"(?i)api[_-]?key|token|secret", request.url)
        assert "authorization" not in {name.lower() for name in request.headers}


# --- when all goes well ---------------------------------------------------------------------------


def test_a_day_reaches_the_lake_with_its_keys_unique(world: World) -> None:
    result = world.fetch()
    assert result.missing == ()
    assert result.requests > 0
    results = world.load()
    assert {r.record.verdict for r in results} <= {"published", "published_with_quarantine"}, [
        r.record.reason for r in results
    ]
    assert sum(r.record.rows_published for r in results) > 0
    for name in world.source.tables:
        folder = world.home.lake / "raw" / world.source.name / name
        for path in folder.glob("day=*/*.parquet"):
            key = ", ".join(f'"{column}"' for column in RAW_TABLES[name].key)
            query = f"SELECT {key} FROM '{path}' GROUP BY ALL HAVING count(*) > 1"
            assert duckdb.execute(query).fetchall() == []
            lineage = duckdb.execute(f"SELECT DISTINCT source, provenance FROM '{path}'").fetchall()
            assert lineage == [(world.source.name, world.source.provenance)]


def test_the_golden_parse(world: World) -> None:
    """How many rows of what an answer gives, and which columns have values, is written down.

    `UPDATE_GOLDEN=1 pytest tests/integration/test_every_source.py -k golden` writes it anew.
    """
    assert world.fetch().missing == ()
    told: dict[str, object] = {"answers": len(world.captures())}
    rows: dict[str, list[Row]] = {name: [] for name in world.source.tables}
    broken = 0
    for parsed in world.parsed():
        broken += len(parsed.broken)
        for table, some in parsed.rows.items():
            rows[table] += some
    for table, found in rows.items():
        columns = RAW_TABLES[table].column_names
        given = {name for row in found for name in row}
        assert given <= {*columns, "observed_at"}, f"{table} has no column {given - set(columns)}"
        filled = [name for name in columns if any(row.get(name) is not None for row in found)]
        told[table] = {"rows": len(found), "filled": filled}
    told["broken"] = broken
    path = GOLDEN / f"{world.source.name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(told, indent=1) + "\n")
    assert json.loads(path.read_text()) == told


def test_values_are_of_the_contracts_types(world: World) -> None:
    """What the upstream sends when it works needs no quarantine for its types."""
    world.fetch()
    for parsed in world.parsed():
        for name, found in parsed.rows.items():
            table = RAW_TABLES[name]
            frame = conform(rows_from_records(list(found), table), table, world.case.now)
            given = [column for column in frame.columns if column.endswith(AS_GIVEN)]
            odd = {column: frame[column].dropna().tolist()[:2] for column in given}
            assert not any(odd.values()), odd


def test_reading_is_pure(case: Case, world: World, recorded: list[Recorded], tmp_path: Path) -> None:
    for one in recorded:
        first, again = (read(case, one, one.content, tmp_path) for _ in range(2))
        assert first is not None
        assert again is not None
        assert (observed(first), list(first.broken)) == (observed(again), list(again.broken))


@pytest.mark.parametrize("has_etags", [True, False])
def test_loading_twice_changes_nothing(world: World, has_etags: bool) -> None:
    """Some seconds later, unless the source asks something else then: its addresses hold the time."""
    world.upstream.has_etags = has_etags
    world.fetch()
    world.load()
    lake = files(world.home.lake / "raw" / world.source.name)
    assert lake
    later = world.case.now + timedelta(seconds=5)
    first, then = (next(world.case.source.ask(world.case.asking(now))) for now in (world.case.now, later))
    world.clock.moment = later if first == then else world.case.now
    result = world.fetch()
    assert result.missing == ()
    assert not has_etags or result.unchanged == sum(r.method == "GET" for r in world.requests())
    if world.source.failed_look is not None:
        _check_that_a_look_was_added(world)
        return
    assert world.load() == []
    assert files(world.home.lake / "raw" / world.source.name) == lake


def _check_that_a_look_was_added(world: World) -> None:
    """Where each look counts, one that finds the same is told beside the one before, which stands."""
    before = world.rows()
    assert world.load()
    after = world.rows()
    for table, rows in before.items():
        assert set(rows) < set(after[table])
        assert len(after[table]) == 2 * len(rows)


def test_the_lake_can_be_made_again_from_the_archive(world: World) -> None:
    world.fetch()
    world.load()
    before = files(world.home.lake / "raw" / world.source.name)
    for path in (world.home.lake / "raw" / world.source.name).rglob("*.parquet"):
        path.unlink()
    days = [c.day for c in world.captures()]
    asked = len(world.upstream.asked)
    window = Window(min(days), max(days))
    received, unreadable = reparse(world.home, world.source, window, watchlist(), world.clock.now)
    assert received
    assert unreadable == []
    world.load()
    assert files(world.home.lake / "raw" / world.source.name) == before
    assert len(world.upstream.asked) == asked


# --- what passes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "waits", "is_slow"),
    [
        (status(429, {"Retry-After": "7"}), 7, False),
        (status(429), 60, False),
        (status(500), 0, False),
        (status(503, {"Retry-After": "3"}), 3, False),
        (hanging(), 0, True),
        (cut(0.5), 0, False),
        (cut(0.0), 0, False),
        (with_body(b""), 0, False),
        (html(), 0, False),
    ],
    ids=["429 with Retry-After", "429", "500", "503", "time-out", "cut", "cut at once", "empty", "HTML"],
)  # fmt: skip
def test_what_passes_is_asked_again(world: World, fault: Fault, waits: float, is_slow: bool) -> None:
    world.spoil(fault)
    if is_slow:
        world.patience = replace(QUICK, read_seconds=0.5)
    began = world.clock.monotonic()
    result = world.fetch()
    kinds = {c.request.kind for c in world.captures()}
    if not kinds & {Kind.TEXT, Kind.HTML}:  # those may be empty, or any page
        assert result.missing == ()
        assert is_slow or len(world.upstream.asked) == result.requests + 1
    assert world.clock.monotonic() - began >= waits


@pytest.mark.parametrize(
    "fault",
    [zipped_by("gzip"), zipped_by("deflate"), declared_as("gzip"), declared_as("identity")],
    ids=["gzip", "deflate", "no gzip", "identity"],
)
def test_what_is_packed_or_wrongly_declared_reads_the_same(world: World, fault: Fault) -> None:
    world.spoil(fault, times=ALWAYS)
    assert world.fetch().missing == ()
    for capture in world.captures():
        assert capture.answer(world.home).content() == world.case.answering(capture.request)


def test_a_wrong_charset_in_the_head_changes_no_row(case: Case, home: Home, tmp_path: Path) -> None:
    found = []
    for place, charset in enumerate((None, "utf-16", "iso-8859-1")):
        with Upstream() as upstream:
            world = World(Home(tmp_path / str(place)), upstream, case)
            if charset:
                head = {"Content-Type": f"text/plain; charset={charset}"}
                world.spoil(lambda reply, head=head: replace(reply, headers=head), times=ALWAYS)  # type: ignore[misc]
            assert world.fetch().missing == ()
            found.append(sorted(repr(observed(parsed)) for parsed in world.parsed()))
    assert found[1:] == found[:1] * 2


# --- what does not pass ---------------------------------------------------------------------------


def zip_bomb() -> bytes:
    """A zip file of a few kilobytes with a member of 64 MiB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        for _ in range(64):
            member.write(b"\0" * 2**20)
    return packed.getvalue()


NEVER_AN_ANSWER: dict[str, Fault] = {
    "500 for ever": status(500),
    "403": status(403),
    "429 for an hour": status(429, {"Retry-After": "3600"}),
    "redirect to loopback": redirect("http://127.0.0.1/admin"),
    "redirect to a private address": redirect("https://192.168.1.1/"),
    "redirect to the metadata service": redirect("http://169.254.169.254/latest/meta-data/"),
    "redirect to a file": redirect("file:///etc/passwd"),
    "a body announced over the limit": announced(2**40),
}


@pytest.mark.parametrize("fault", NEVER_AN_ANSWER.values(), ids=NEVER_AN_ANSWER.keys())
def test_what_is_no_answer_is_told_and_changes_nothing(world: World, fault: Fault) -> None:
    world.spoil(fault, times=ALWAYS)
    result = world.fetch()
    assert result.missing
    assert all(line.startswith(f"{world.source.name} (") for line in result.missing)
    assert bool(result.receipts) == (world.source.failed_look is not None)
    world.load()
    assert {status for _, status in looks(world)} <= {"failed"}
    assert list((world.home.archive / "incoming").glob("*")) == []
    assert not any(is_public(asked.host) for asked in world.upstream.asked)


def test_what_is_missing_is_filled_by_the_next_run(world: World) -> None:
    world.spoil(status(500), times=ALWAYS)
    assert world.fetch().missing
    world.upstream.heal()
    assert world.fetch().missing == ()
    assert sum(r.record.rows_published for r in world.load()) > 0


def test_nobody_there(world: World) -> None:
    world.upstream.__exit__(None, None, None)
    began = time.monotonic()
    result = world.fetch()
    assert time.monotonic() - began < SLOW_SECONDS
    assert result.missing
    assert all("could not be reached" in line and "Check the network" in line for line in result.missing)


NOT_WHAT_WAS_ASKED_FOR: dict[str, Fault] = {
    "HTML": html(),
    "empty": with_body(b""),
    "blank": with_body(b" \n\n"),
    "a sentence": with_body(b"Edge: Too Many Requests"),
    "null": with_body(b"null"),
    "an empty object": with_body(b"{}"),
    "an empty list": with_body(b"[]"),
    "an error in JSON": with_body(b'{"error": "quota exceeded", "code": 429}'),
    "nested without end": with_body(b"[" * 100_000),
    "objects without end": with_body(b'{"a":' * 50_000),
    "binary": with_body(bytes(range(256)) * 20),
    "laughs": with_body(LAUGHS),
    "a file of ours": with_body(OUTSIDE),
    "a zip bomb": with_body(zip_bomb()),
    "a gzip bomb": bomb(600 * 2**20),
    "cut but complete": changed(lambda body: body[: len(body) // 2]),
    "twice": changed(lambda body: body + body),
}


@pytest.mark.parametrize("fault", NOT_WHAT_WAS_ASKED_FOR.values(), ids=NOT_WHAT_WAS_ASKED_FOR.keys())
def test_what_was_not_asked_for_does_no_harm(world: World, fault: Fault) -> None:
    """Most of it is refused. What a format allows (an empty list, a cut table) is read, and checked later."""
    world.spoil(fault, times=ALWAYS)
    began = time.monotonic()
    result = world.fetch()
    assert time.monotonic() - began < SLOW_SECONDS
    told_of = (None,) if world.source.failed_look is None else (None, Stage.REQUEST)
    complete = {c.id for c in world.captures() if c.refused_by in told_of}
    assert bool(result.receipts) == bool(complete)
    told = repr([observed(parsed) for parsed in world.parsed()])
    assert "haha" not in told
    assert Path("/etc/hostname").read_text().strip() not in told


def test_a_page_of_html_gives_no_row(
    case: Case, world: World, recorded: list[Recorded], tmp_path: Path
) -> None:
    for one in recorded:
        parsed = read(case, one, HTML, tmp_path)
        assert parsed is None or one.request.kind is Kind.HTML or not any(parsed.rows.values())


# --- answers that have changed --------------------------------------------------------------------


def test_a_missing_page_is_an_answer_where_the_source_says_so(
    case: Case, world: World, recorded: list[Recorded], tmp_path: Path
) -> None:
    for one in recorded:
        if one.request.missing_is_answer:
            for body in (b"", b'{"type": "about:blank", "status": 404}', HTML, b"Not Found"):
                read(case, one, body, tmp_path, code=404)


def test_cut_answers_are_refused_or_give_what_is_left(
    case: Case, world: World, recorded: list[Recorded], tmp_path: Path
) -> None:
    for one in recorded:
        whole = read(case, one, one.content, tmp_path)
        assert whole is not None
        for share in CUTS:
            parsed = read(case, one, one.content[: int(len(one.content) * share)], tmp_path)
            assert parsed is None or pieces(parsed) <= pieces(whole) + 1


def test_damaged_answers_are_refused_or_read(
    case: Case, world: World, recorded: list[Recorded], tmp_path: Path
) -> None:
    for one in recorded:
        dice = random.Random(one.request.url)
        for _ in range(DAMAGES):
            content = bytearray(one.content)
            for _ in range(dice.randrange(1, 6)):
                place = dice.randrange(max(1, len(content)))
                content[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(4))
            read(case, one, bytes(content), tmp_path)


def test_a_column_more_changes_nothing(
    case: Case, world: World, recorded: list[Recorded], tmp_path: Path
) -> None:
    for one in recorded:
        before = read(case, one, one.content, tmp_path)
        after = read(case, one, with_a_new_column(one.content, one.request.kind), tmp_path)
        assert before is not None
        if one.request.kind in (Kind.JSON, Kind.XML, Kind.FEED):
            assert after is not None
            assert observed(after) == observed(before)


@pytest.mark.parametrize("reshape", [without_each_column, with_each_column_null], ids=["removed", "null"])
def test_columns_that_are_gone_or_null_lose_no_piece(
    case: Case,
    world: World,
    recorded: list[Recorded],
    tmp_path: Path,
    reshape: Callable[[bytes, Kind], Iterator[tuple[str, bytes]]],
) -> None:
    for one in recorded:
        whole = read(case, one, one.content, tmp_path)
        assert whole is not None
        for column, content in reshape(one.content, one.request.kind):
            parsed = read(case, one, content, tmp_path)
            if parsed is not None and column not in HOLDS_THE_PIECES.get(case.name, ()):
                assert elements(parsed) >= elements(whole), (one.request.labels, column)


def test_null_keys_never_reach_the_lake(world: World, recorded: list[Recorded]) -> None:
    """One answer comes with a column emptied, another each time, as long as its reader takes it."""
    one = recorded[-1]
    for _, content in list(with_each_column_null(one.content, one.request.kind))[:12]:
        if read(world.case, one, content, world.home.root.parent) is not None:
            world.upstream.fix(one.request, content)
            world.fetch()
            world.clock.moment += timedelta(minutes=10)
    world.load()
    for name in world.source.tables:
        table = RAW_TABLES[name]
        needed = {*table.key, *(column.name for column in table.columns if column.required)}
        for path in (world.home.lake / "raw" / world.source.name / name).glob("day=*/*.parquet"):
            empty = " OR ".join(f'"{column}" IS NULL' for column in needed)
            assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE {empty}").fetchall() == [(0,)]


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "now",
    [
        "2026-11-19T23:59:58+00:00",
        "2026-11-20T00:00:00+00:00",
        "2026-03-08T06:59:59+00:00",
        "2026-03-08T07:00:00+00:00",
        "2026-11-01T05:59:59+00:00",
        "2026-11-01T06:00:00+00:00",
        "2026-03-29T00:59:59+00:00",
        "2026-03-29T01:00:00+00:00",
    ],
)
def test_midnight_and_summer_time(world: World, now: str) -> None:
    """A fetch that begins before midnight, or before clocks change, and ends after it."""
    world.clock.moment = datetime.fromisoformat(now)
    began = world.clock.moment
    window = today(world.source, began)
    ticks = [0]

    def ticking() -> datetime:
        ticks[0] += 1
        world.clock.moment += timedelta(seconds=0.7)
        return world.clock.moment

    client = client_of(world.upstream.url, world.clock, patience=QUICK)
    result = fetch(world.home, world.source, window, watchlist=watchlist(), client=client, now=ticking)
    assert result.problem is None
    assert not any("failed with" in line for line in result.missing), result.missing
    for capture in world.captures():
        assert abs((capture.day - in_utc(began).date()).days) <= 31 + world.source.look_back_days
        assert capture.fetched_at > began
    for name in world.source.tables:
        for receipt in receipts(world.home, name):
            assert receipt.day in {c.day for c in world.captures()}
    if world.source.failed_look is not None:
        _check_store_days(world)


def _check_store_days(world: World) -> None:
    """A look belongs to the storefront's day at the moment at which it was fetched."""
    world.load()
    zones = {country: ZoneInfo(zone) for country, zone in watchlist().storefronts.items()}
    names = RAW_TABLES["chart_captures"].column_names
    places = [names.index(name) for name in ("country", "store_date", "captured_at")]
    rows = world.rows()["chart_captures"]
    assert rows
    for country, day, moment in ([row[place] for place in places] for row in rows):
        assert isinstance(moment, datetime)
        assert day == moment.replace(tzinfo=UTC).astimezone(zones[str(country)]).date()
