"""The Wayback Machine: its index as recorded, paging, and captures of all three forms of a chart."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.source import Answer, Asking, Kind, Request, Window, WrongAnswerError
from ingestion.sources.wayback_charts import SOURCE, Memento, index_page, memento_of
from ingestion.watchlist import Watchlist
from tests._support.answers import answer_of
from tests._support.charts import WATCHLIST, captures, counted, entries, refused
from tests._support.mutations import damaged
from tests._support.upstreams import wayback_charts as upstream

INDEX = "https://web.archive.org/cdx/search/cdx"
US = Watchlist(platforms=WATCHLIST.platforms, storefronts={"US": "America/New_York"})
JANUARY = Window(date(2025, 1, 13), date(2025, 1, 15))
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
INSTANT = datetime(2025, 1, 13, 3, 15, 1, tzinfo=UTC)
FEED = "https://rss.applemarketingtools.com/api/v2/us/apps/top-free/100/apps.json"
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def recorded(shared: Path, name: str) -> list[dict[str, Any]]:
    """Requests and answers of a recording, in order."""
    path = shared / "recordings/charts/wayback_cdx" / f"{name}.json"
    interactions: list[dict[str, Any]] = json.loads(path.read_text())["interactions"]
    return interactions


def body_of(interaction: dict[str, Any]) -> bytes:
    response = interaction["response"]
    if response["body_encoding"] == "base64":
        return base64.b64decode(response["body"])
    return str(response["body"]).encode()


def is_index(interaction: dict[str, Any]) -> bool:
    return (
        str(interaction["request"]["uri"]).startswith(INDEX)
        and interaction["response"]["status"]["code"] == 200
    )


def conversation(
    folder: Path, watchlist: Watchlist = US, window: Window = JANUARY, *, fails: Sequence[str] = ()
) -> Iterator[tuple[Request, Answer | None]]:
    """All that is asked, each with its answer; None where the address holds one of `fails`."""
    questions = SOURCE.ask(Asking(window, watchlist, NOW))
    asked = next(questions, None)
    while asked is not None:
        answers = [
            None
            if any(part in request.url for part in fails)
            else answer_of(request, upstream.answer(request), folder=folder, fetched_at=NOW)
            for request in asked
        ]
        yield from zip(asked, answers, strict=True)
        try:
            asked = questions.send(answers)
        except StopIteration:
            return


# --- the index, as recorded -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("test_search", [(3, 1, 0, None)]),
        ("test_search_does_not_repeat_results", None),
        ("test_search_multipage", None),
        ("test_search_rate_limits", None),
        ("test_search_with_date", None),
        ("test_search_with_filter", None),
        ("test_search_with_filter_list", None),
        ("test_search_with_filter_tuple", None),
        ("test_search_with_timezone", None),
        ("test_memento_rate_limits", None),
    ],
)
def test_every_line_of_a_recording_is_read(
    name: str, pages: list[tuple[int, int, int, str | None]] | None, shared: Path
) -> None:
    for number, interaction in enumerate(filter(is_index, recorded(shared, name))):
        text = body_of(interaction).decode()
        listing, _, key = text.partition("\n\n")
        page = index_page(text.encode())
        assert page.broken == ()
        assert page.resume_key == (key.strip() or None)
        played = {
            tuple(line.split()[i] for i in (1, 2, 5))
            for line in listing.splitlines()
            if line.split()[4] == "200" or line.split()[3] == "warc/revisit"
        }
        assert len(page.lines) == len(played)
        if pages is not None:
            assert pages[number] == (len(listing.splitlines()), len(page.lines), 0, page.resume_key)


def test_duplicates_and_revisits(shared: Path) -> None:
    nasa = index_page(body_of(recorded(shared, "test_search")[0]))
    assert nasa.lines == (
        (
            datetime(1996, 12, 31, 23, 58, 47, tzinfo=UTC),
            "http://www.nasa.gov:80/",
            "MGIGF4GRGGF5GKV6VNCBAXOE3OR5BTZC",
        ),
    )
    energystar = index_page(body_of(recorded(shared, "test_search_does_not_repeat_results")[0]))
    assert energystar.lines[0][:2] == (
        datetime(2020, 6, 12, 1, 40, 14, tzinfo=UTC),
        "https://www.energystar.gov/",
    )


def test_the_key_of_the_next_page_goes_back_encoded_once_more(shared: Path, tmp_path: Path) -> None:
    """As the recorded conversation has it: `com%2Ccnn%29%2F+2001041400593%3A` came, and went back encoded."""
    first, second, *_ = recorded(shared, "test_search_multipage")
    key = index_page(body_of(first)).resume_key
    assert key == "com%2Ccnn%29%2F+2001041400593%3A"
    questions = SOURCE.ask(Asking(JANUARY, US, NOW))
    asked = list(next(questions))
    answers = [answer_of(asked[0], body_of(first), folder=tmp_path), *[None] * (len(asked) - 1)]
    following = questions.send(answers)
    assert [request.url for request in following] == [
        f"{asked[0].url}&resumeKey=com%252Ccnn%2529%252F%2B2001041400593%253A"
    ]
    assert "resumeKey=com%252Ccnn%2529%252F%2B2001041400593%253A" in second["request"]["uri"]
    with pytest.raises(StopIteration):  # a page that names itself as the next is the last
        questions.send([answer_of(following[0], body_of(first), folder=tmp_path)])


def test_a_blocked_address_is_fatal(shared: Path, tmp_path: Path) -> None:
    interaction = recorded(shared, "test_search_raises_for_blocked_urls")[0]
    request = Request(
        url=interaction["request"]["uri"], kind=Kind.TEXT, day=JANUARY.first, labels={"prefix": ""}
    )
    for status in (403, 200):
        answer = answer_of(request, body_of(interaction), folder=tmp_path, status=status)
        error = refused(SOURCE, answer)
        assert (error.is_retriable, "blocked" in str(error)) == (False, True)


def test_captures_of_the_recordings_are_no_charts(shared: Path) -> None:
    for interaction in filter(is_index, recorded(shared, "test_search_with_filter")):
        for captured_at, original, _ in index_page(body_of(interaction)).lines:
            assert memento_of(captured_at, original) is None


# --- the index, otherwise -------------------------------------------------------------------------


def test_lines_that_are_none_are_broken(tmp_path: Path) -> None:
    content = (
        f"com,apple)/x 20250113031501 {FEED} application/json 200 AAAA 512\n"
        f"com,apple)/x 20251313031501 {FEED} application/json 200 AAAA 512\n"
        "half a line\n"
    ).encode()
    request = Request(url=INDEX, kind=Kind.TEXT, day=JANUARY.first, labels={"prefix": ""})
    parsed = SOURCE.read(answer_of(request, content, folder=tmp_path), US)
    assert {table: len(rows) for table, rows in parsed.rows.items()} == {
        "chart_captures": 0,
        "chart_entries": 0,
    }
    assert [(odd.table, odd.position, odd.text[:9]) for odd in parsed.broken] == [
        ("chart_captures", 2, "com,apple"),
        ("chart_captures", 3, "half a li"),
    ]


@pytest.mark.parametrize(
    ("content", "is_retriable"),
    [
        (b"<html><body>504 Gateway Time-out</body></html>\n", True),
        (b"org.archive.util.io.RuntimeIOException: java.net.SocketTimeoutException\n", True),
        (b"com,apple)/x 20250113031501 https://a json 200 AAAA 5\ncom,apple)/x 2025", True),
        (b"com,apple)/x 20250113031501 https://a json 200 AAAA 5\n\nkey+1\nkey+2\n", False),
    ],
)
def test_what_is_no_index_is_refused_and_lists_nothing(
    content: bytes, is_retriable: bool, tmp_path: Path
) -> None:
    questions = SOURCE.ask(Asking(JANUARY, US, NOW))
    asked = list(next(questions))
    answer = answer_of(asked[0], content, folder=tmp_path)
    assert refused(SOURCE, answer).is_retriable is is_retriable
    with pytest.raises(StopIteration):
        questions.send([answer, *[None] * (len(asked) - 1)])


def test_an_empty_index_is_an_answer() -> None:
    assert index_page(b"").lines == ()


@QUICK
@given(content=damaged(f"com,apple)/x 20250113031501 {FEED} application/json 200 AAAA 512\n".encode() * 3))
def test_a_damaged_index_is_refused_or_read(content: bytes) -> None:
    try:
        page = index_page(content)
    except WrongAnswerError:
        return
    assert len(page.lines) + len(page.broken) <= content.count(b"\n") + 1


# --- what is asked --------------------------------------------------------------------------------


def test_the_index_is_asked_for_all_forms_of_a_storefronts_charts() -> None:
    asked = next(SOURCE.ask(Asking(JANUARY, US, NOW)))
    assert [request.url for request in asked] == [
        f"{INDEX}?url={address}&matchType=prefix&from=20250113000000&to=20250115235959&limit=1000&showResumeKey=true"
        for address in (
            "rss.applemarketingtools.com%2Fapi%2Fv2%2Fus%2Fapps%2Ftop-",
            "rss.marketingtools.apple.com%2Fapi%2Fv2%2Fus%2Fapps%2Ftop-",
            "itunes.apple.com%2Fus%2Frss%2Ftopfreeapplications%2F",
            "itunes.apple.com%2Fus%2Frss%2Ftoppaidapplications%2F",
            "itunes.apple.com%2Fus%2Frss%2Ftopgrossingapplications%2F",
            "apps.apple.com%2Fus%2Fcharts%2Fiphone%2F",
        )
    ]


def test_of_a_chart_the_deepest_capture_of_an_hour_is_played_back(tmp_path: Path) -> None:
    played = [request for request, _ in conversation(tmp_path) if "/web/" in request.url]
    of_chart = [
        (request.labels["timestamp"], request.labels["original"])
        for request in played
        if request.labels["form"] == "apple_marketing_feed" and request.labels["chart"] == "top_free_overall"
    ]
    assert of_chart == [
        (f"202501{day}{clock}", FEED) for day in (13, 14, 15) for clock in ("031501", "151502")
    ]
    assert played[0].url == f"https://web.archive.org/web/20250113031501id_/{played[0].labels['original']}"
    assert {(request.labels["form"], request.kind) for request in played} == {
        ("apple_marketing_feed", Kind.JSON),
        ("apple_legacy_feed", Kind.JSON),
        ("apple_chart_page", Kind.HTML),
    }
    assert {request.labels["chart"] for request in played} == {
        "top_free_overall",
        "top_paid_overall",
        "top_grossing_overall",
        "top_free_social",
        "top_paid_social",
        "top_grossing_social",
        "top_free_apps",
    }
    assert all(f"{request.day:%Y%m%d}" == request.labels["timestamp"][:8] for request in played)


def test_a_part_of_the_index_that_fails_takes_nothing_else_away(tmp_path: Path) -> None:
    played = [
        request
        for request, _ in conversation(tmp_path, fails=["itunes.apple.com%2F"])
        if "/web/" in request.url
    ]
    assert {request.labels["form"] for request in played} == {"apple_marketing_feed", "apple_chart_page"}


def test_a_long_index_is_read_to_its_end(tmp_path: Path) -> None:
    quarter = Window(date(2025, 1, 1), date(2025, 3, 31))
    questions = SOURCE.ask(Asking(quarter, US, NOW))
    asked, pages = next(questions), 0
    while "/cdx/" in asked[0].url:
        pages += len(asked)
        asked = questions.send([answer_of(r, upstream.answer(r), folder=tmp_path) for r in asked])
    assert pages > 6
    days = set[date]()
    while asked:
        days |= {request.day for request in asked if request.labels["chart"] == "top_free_social"}
        try:
            asked = questions.send([None] * len(asked))
        except StopIteration:
            break
    assert days == set(quarter.days())


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (FEED, ("apple_marketing_feed", "US", "top_free_overall", 100)),
        (
            FEED.replace("https", "http").replace("/100/", "/x/"),
            ("apple_marketing_feed", "US", "top_free_overall", 0),
        ),
        (FEED.replace("top-free", "new-apps-we-love"), None),
        (
            "http://itunes.apple.com:80/gb/rss/topfreeapplications/limit=200/genre=6016/json",
            ("apple_legacy_feed", "GB", "top_free_entertainment", 200),
        ),
        ("https://itunes.apple.com/us/rss/topfreeapplications/limit=10/xml", None),
        ("https://itunes.apple.com/us/rss/topfreeapplications/limit=10/genre=9999/json", None),
        (
            "https://apps.apple.com/us/charts/iphone/top-free-apps/36",
            ("apple_chart_page", "US", "top_free_apps", 0),
        ),
        ("https://apps.apple.com/us/charts/iphone", None),
        ("https://[", None),
    ],
)
def test_an_address_is_a_chart_or_is_not(original: str, expected: tuple[str, str, str, int] | None) -> None:
    wanted = None if expected is None else Memento(*expected, captured_at=INSTANT, original=original)
    assert memento_of(INSTANT, original) == wanted


# --- captures -------------------------------------------------------------------------------------


def playback(form: str, chart: str, folder: Path, **answer_changes: Any) -> Answer:
    """The first capture of a form and chart."""
    for request, answer in conversation(folder):
        labels = request.labels
        if answer is not None and (labels.get("form"), labels.get("chart")) == (form, chart):
            return replace(answer, **answer_changes)
    raise AssertionError(f"no capture of {form} {chart}")


@pytest.mark.parametrize(
    ("form", "chart"),
    [
        ("apple_marketing_feed", "top_free_overall"),
        ("apple_legacy_feed", "top_grossing_social"),
        ("apple_chart_page", "top_free_apps"),
    ],
)
def test_a_capture_is_of_the_time_of_the_memento(form: str, chart: str, tmp_path: Path) -> None:
    headers = {"memento-datetime": "Mon, 13 Jan 2025 03:15:01 GMT"}
    answer = playback(form, chart, tmp_path, headers=headers)
    parsed = SOURCE.read(answer, US)
    capture = captures(parsed)[0]
    assert capture["capture_id"] == f"wayback_charts/{form}:US:{chart}:20250113T031501Z"
    assert (capture["captured_at"], capture["store_date"]) == (INSTANT, date(2025, 1, 12))
    assert (capture["provider"], capture["publisher"]) == ("Apple", "Internet Archive")
    assert capture["source_url"] == answer.request.url
    assert SOURCE.provenance == "archive"
    assert len(entries(parsed)) == capture["depth"]
    assert counted(parsed)[2] == 0


def test_the_newer_design_of_the_page_is_read_as_well(tmp_path: Path) -> None:
    autumn = Window(date(2025, 11, 3), date(2025, 11, 4))
    pages = [
        (request.day, counted(SOURCE.read(answer, US)))
        for request, answer in conversation(tmp_path, window=autumn)
        if answer is not None and request.labels.get("form") == "apple_chart_page"
    ]
    assert pages == [(day, (1, 100, 0)) for day in autumn.days() for _ in range(4)]


def test_another_capture_than_the_one_asked_for_is_refused(tmp_path: Path) -> None:
    headers = {"memento-datetime": "Mon, 13 Jan 2025 04:00:00 GMT"}
    answer = playback("apple_marketing_feed", "top_free_overall", tmp_path, headers=headers)
    error = refused(SOURCE, answer)
    assert (error.is_retriable, "2025-01-13T04:00:00Z" in str(error)) == (False, True)


@pytest.mark.parametrize("said", ["yesterday", "", "2025-01-13"])
def test_an_instant_that_cannot_be_read_is_refused(said: str, tmp_path: Path) -> None:
    answer = playback(
        "apple_marketing_feed", "top_free_overall", tmp_path, headers={"memento-datetime": said}
    )
    assert not refused(SOURCE, answer).is_retriable


def test_a_list_that_was_stale_when_it_was_captured_stays_so(tmp_path: Path) -> None:
    answer = playback("apple_marketing_feed", "top_free_overall", tmp_path)
    late = replace(
        answer,
        request=replace(answer.request, labels={**answer.request.labels, "timestamp": "20250115030000"}),
    )
    assert not refused(SOURCE, late).is_retriable


def test_it_is_asked_on_demand_only() -> None:
    assert not SOURCE.is_default
