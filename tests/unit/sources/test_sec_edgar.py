"""SEC EDGAR: recorded facts and filings, what is asked, and how it refuses."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.settings import WATCHLIST
from ingestion.source import Answer, Asking, Kind, Parsed, Request, Row, Window, WrongAnswerError
from ingestion.sources.sec_edgar import FACTS, FILINGS, SOURCE, WATCHED_CONCEPTS
from ingestion.watchlist import Company, Platform, Watchlist, parse_watchlist
from tests._support.answers import answer_of
from tests._support.damage import as_bytes, damaged_bytes, odd_documents
from tests._support.upstreams import sec_edgar as upstream

DAY = date
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WATCHED = parse_watchlist(WATCHLIST.read_bytes())
META, SNAP, ALIBABA = "0001326801", "0001564408", "0001577552"
REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"

FACT = {
    "start": "2024-01-01", "end": "2024-12-31", "val": 5361398000, "accn": "0001564408-25-000019",
    "fy": 2024, "fp": "FY", "form": "10-K", "filed": "2025-02-05",
}  # fmt: skip
INSTANT = {name: value for name, value in FACT.items() if name != "start"}
COMPANY = {
    "cik": 1564408,
    "entityName": "SNAP INC",
    "facts": {
        "dei": {"EntityCommonStockSharesOutstanding": {"units": {"shares": [INSTANT]}}},
        "us-gaap": {
            REVENUE: {"label": "Revenue", "units": {"USD": [FACT, {**FACT, "frame": "CY2024"}]}},
            "Goodwill": {"units": {"USD": [INSTANT, INSTANT]}},
        },
        "srt": {"ConcentrationRiskPercentage": {"units": {"pure": [INSTANT]}}},
    },
}
OLDER_PAGE = "CIK0001564408-submissions-001.json"
SUBMISSIONS = {
    "cik": "0001564408",
    "filings": {
        "recent": {
            "accessionNumber": ["0001564408-25-000019", "0001564408-25-000018"],
            "filingDate": ["2025-02-05", "2025-02-04"],
            "reportDate": ["2024-12-31", ""],
            "acceptanceDateTime": ["2025-02-05T02:15:50.000Z", "2025-02-04T21:10:00.000Z"],
            "form": ["10-K", "8-K"],
            "items": ["", "2.02,9.01"],
            "primaryDocument": ["snap-20241231.htm", "xslF345X05/form 4.xml"],
            "primaryDocDescription": ["10-K", ""],
        },
        "files": [
            {"name": OLDER_PAGE, "filingFrom": "2017-03-02", "filingTo": "2021-05-04"},
            {"name": "../../robots.txt", "filingFrom": "2017-03-02", "filingTo": "2027-05-04"},
        ],
    },
}  # fmt: skip


def request_of(cik: str = SNAP, about: str = FACTS) -> Request:
    url = f"https://data.sec.gov/{about}/CIK{cik}.json"
    return Request(url, Kind.JSON, NOW.date(), {"cik": cik, "about": about})


def read(content: bytes, folder: Path, request: Request | None = None, status: int = 200) -> Parsed:
    answer = answer_of(request or request_of(), content, folder=folder, status=status)
    return SOURCE.read(answer, WATCHED)


def recorded(shared: Path, name: str) -> bytes:
    return (shared / "recordings" / "finance" / "edgar" / name).read_bytes()


# --- recorded facts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cik", "rows", "broken"),
    [
        ("snap-us-gaap-revenue.json", SNAP, 110, 0),
        ("companyfacts_META_excerpt.json", META, 40, 0),
        ("CIK0001577552_excerpt.json", ALIBABA, 44, 0),
        ("frame-us-gaap-revenue-usd-cy2024.json", SNAP, 0, 5),
    ],
)
def test_every_recorded_fact_is_a_row_or_broken(
    name: str, cik: str, rows: int, broken: int, shared: Path, tmp_path: Path
) -> None:
    parsed = read(recorded(shared, name), tmp_path, request_of(cik))
    assert (len(parsed.rows[FACTS]), len(parsed.broken)) == (rows, broken)


def test_snaps_revenue_repeats_in_later_filings_which_the_key_tells_apart(
    shared: Path, tmp_path: Path
) -> None:
    rows = read(recorded(shared, "snap-us-gaap-revenue.json"), tmp_path).rows[FACTS]
    assert rows[0] == {
        "cik": SNAP,
        "company_name": "SNAP INC",
        "taxonomy": "us-gaap",
        "concept": REVENUE,
        "unit": "USD",
        "period_start": "2016-01-01",
        "period_end": "2016-12-31",
        "period_key": "2016-01-01/2016-12-31",
        "value": 404482000,
        "accession_number": "0001564590-19-002053",
        "form": "10-K",
        "filed_date": "2019-02-06",
        "filing_fiscal_year": 2018,  # of the filing: the figure is of 2016
        "filing_fiscal_period": "FY",
        "frame": "CY2016",
    }
    assert (rows[-1]["period_key"], rows[-1]["value"]) == ("2026-04-01/2026-06-30", 1598993000)
    assert len({row["period_key"] for row in rows}) == 58
    assert len({(row["period_key"], row["accession_number"]) for row in rows}) == 110
    assert sum(row["frame"] is not None for row in rows) == 39


def test_instants_have_no_start_and_both_currencies_of_one_tag_are_kept(shared: Path, tmp_path: Path) -> None:
    rows = read(recorded(shared, "CIK0001577552_excerpt.json"), tmp_path, request_of(ALIBABA)).rows[FACTS]
    assert {row["period_start"] for row in rows} == {None}
    assert all(row["period_key"] == row["period_end"] for row in rows)
    payables = [row for row in rows if row["concept"] == "AccountsPayableAndAccruedLiabilitiesCurrent"]
    assert [sum(row["unit"] == unit for row in payables) for unit in ("CNY", "USD")] == [20, 10]
    shares = {row["period_end"]: row["value"] for row in rows if row["unit"] == "shares"}
    assert (shares["2019-03-31"], shares["2020-03-31"]) == (2587059572, 21491994944)  # split 1:8
    ratios = {row["period_end"]: row["value"] for row in rows if row["unit"] == "pure"}
    assert ratios == {"2019-07-29": 1, "2019-07-30": 8}


def test_a_restated_figure_stands_once_for_each_filing(shared: Path, tmp_path: Path) -> None:
    rows = read(recorded(shared, "companyfacts_META_excerpt.json"), tmp_path, request_of(META)).rows[FACTS]
    payables = [
        (row["filed_date"], row["value"])
        for row in rows
        if row["concept"] == "AccountsPayableTradeCurrent" and row["period_end"] == "2020-12-31"
    ]
    assert payables == [("2021-01-28", 1_093_000_000), ("2022-02-03", 1_331_000_000)]


def test_a_frame_is_not_point_in_time(shared: Path, tmp_path: Path) -> None:
    parsed = read(recorded(shared, "frame-us-gaap-revenue-usd-cy2024.json"), tmp_path)
    assert {piece.reason for piece in parsed.broken} == {
        "a frame names neither the form nor the day of the filing"
    }
    values = {json.loads(piece.text)["cik"]: json.loads(piece.text)["val"] for piece in parsed.broken}
    assert values[1564408] == 5_361_398_000


# --- facts ----------------------------------------------------------------------------------------


def test_facts_of_watched_concepts_are_rows_and_others_stay_in_the_archive(tmp_path: Path) -> None:
    parsed = read(as_bytes(COMPANY), tmp_path)
    assert [row["concept"] for row in parsed.rows[FACTS]] == [
        "EntityCommonStockSharesOutstanding", REVENUE, REVENUE,
    ]  # fmt: skip
    assert not parsed.broken
    assert "Goodwill" not in WATCHED_CONCEPTS["us-gaap"]


def test_what_is_no_fact_is_kept_aside_and_a_fact_without_a_period_is_left_to_the_check(
    tmp_path: Path,
) -> None:
    company: dict[str, Any] = json.loads(as_bytes(COMPANY))
    company["facts"]["us-gaap"][REVENUE]["units"]["USD"] = [None, {"val": "n/a"}, FACT]
    company["facts"]["us-gaap"]["Revenues"] = {"units": None}
    company["facts"]["dei"] = "gone"
    parsed = read(as_bytes(company), tmp_path)
    assert [(piece.position, piece.text) for piece in parsed.broken] == [
        (1, '"gone"'),
        (2, "null"),
        (5, '{"units": null}'),
    ]
    odd, good = parsed.rows[FACTS]
    assert (odd["value"], odd["period_key"], odd["form"]) == ("n/a", None, None)
    assert good["period_key"] == "2024-01-01/2024-12-31"


# --- filings --------------------------------------------------------------------------------------


def filings(content: bytes, folder: Path, cik: str = SNAP) -> list[Row]:
    parsed = read(content, folder, request_of(cik, FILINGS))
    assert not parsed.broken
    return list(parsed.rows[FILINGS])


def test_recorded_filings_are_zipped_from_their_arrays(shared: Path, tmp_path: Path) -> None:
    """The annual report of 2024 was accepted after the close: 29 January, 20:00 in New York."""
    rows = filings(recorded(shared, "submissions_META.json"), tmp_path, META)
    assert len(rows) == 2
    assert rows[1] == {
        "accession_number": "0001326801-25-000017",
        "cik": META,
        "form": "10-K",
        "filed_date": "2025-01-30",
        "report_date": "2024-12-31",
        "accepted_at": "2025-01-30T01:00:50.000Z",
        "items": None,
        "primary_document": "meta-20241231.htm",
        "description": "10-K",
        "source_url": "https://www.sec.gov/Archives/edgar/data/1326801/000132680125000017/meta-20241231.htm",
    }


def test_empty_texts_are_null_and_an_older_page_is_read_like_the_first(tmp_path: Path) -> None:
    first = filings(as_bytes(SUBMISSIONS), tmp_path)
    page = filings(as_bytes(SUBMISSIONS["filings"]["recent"]), tmp_path)  # type: ignore[index]
    assert first == page
    assert (first[1]["report_date"], first[1]["items"]) == (None, "2.02,9.01")
    assert str(first[1]["source_url"]).endswith("/1564408/000156440825000018/xslF345X05/form%204.xml")


def test_a_removed_array_leaves_its_column_empty(tmp_path: Path) -> None:
    document: dict[str, Any] = json.loads(as_bytes(SUBMISSIONS))
    del document["filings"]["recent"]["form"]
    document["filings"]["recent"]["added"] = [1, 2]
    assert [row["form"] for row in filings(as_bytes(document), tmp_path)] == [None, None]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 200])
def test_the_two_recorded_refusals_say_what_to_do(status: int, shared: Path, tmp_path: Path) -> None:
    path = shared / "recordings" / "finance" / "error_payloads.json"
    undeclared, too_fast = (payload["body"] for payload in json.loads(path.read_text())["sec"])
    with pytest.raises(WrongAnswerError, match="set OBSERVATORY_CONTACT to an e-mail address") as fatal:
        read(undeclared.encode(), tmp_path, status=status)
    with pytest.raises(WrongAnswerError, match="ten minutes") as passing:
        read(too_fast.encode(), tmp_path, status=status)
    assert (fatal.value.is_retriable, passing.value.is_retriable) == (False, True)


@pytest.mark.parametrize(
    ("content", "about", "said", "is_retriable"),
    [
        (b"", FACTS, "an empty body", True),
        (b"<html>maintenance", FILINGS, "a web page in place of JSON", True),
        (as_bytes(COMPANY)[:-9], FACTS, "truncated or malformed JSON", True),
        (b"{}", FACTS, "a company without `facts`", False),
        (b"{}", FILINGS, "filings without a list `accessionNumber`", False),
        (b'{"cik": 1326801, "facts": {}}', FACTS, "the company 1326801 where 0001564408 was asked", False),
        (b'{"accessionNumber": ["a", "b"], "form": ["10-K"]}', FILINGS, "`form` is not parallel", False),
    ],
)
def test_wrong_answers_are_refused_with_a_sentence(
    content: bytes, about: str, said: str, is_retriable: bool, tmp_path: Path
) -> None:
    with pytest.raises(WrongAnswerError, match=said) as refused:
        read(content, tmp_path, request_of(SNAP, about))
    assert refused.value.is_retriable is is_retriable


# --- what is asked --------------------------------------------------------------------------------


def watching(*ciks: str | None) -> Watchlist:
    companies = {f"c{n}": Company(name=f"C{n}", role="competitor", cik=cik) for n, cik in enumerate(ciks)}
    return Watchlist(platforms={"tiktok": Platform(name="TikTok", kind="video")}, companies=companies)


@pytest.mark.parametrize(
    ("first", "last", "pages"),
    [
        (DAY(2026, 11, 23), DAY(2026, 11, 23), []),
        (DAY(2021, 5, 4), DAY(2021, 5, 9), [OLDER_PAGE]),
        (DAY(2017, 3, 1), DAY(2017, 3, 1), []),
    ],
)
def test_older_pages_are_asked_where_the_window_reaches_them(
    first: date, last: date, pages: list[str], tmp_path: Path
) -> None:
    questions = SOURCE.ask(Asking(Window(first, last), watching(SNAP, None), NOW))
    requests = next(questions)
    assert [request.url for request in requests] == [
        "https://data.sec.gov/submissions/CIK0001564408.json",
        "https://data.sec.gov/api/xbrl/companyfacts/CIK0001564408.json",
    ]
    assert {request.day for request in requests} == {NOW.date()}
    answers = [answer_of(requests[0], as_bytes(SUBMISSIONS), folder=tmp_path), None]
    asked: list[Request] = []
    try:
        asked += questions.send(answers)
    except StopIteration:
        assert not pages
    assert [request.url for request in asked] == [f"https://data.sec.gov/submissions/{n}" for n in pages]
    assert all(request.labels == requests[0].labels for request in asked)


@pytest.mark.parametrize("content", [None, b"<html>", b"{}", b'{"filings": {"files": [null, {}]}}'])
def test_a_first_document_that_failed_asks_for_nothing_more(content: bytes | None, tmp_path: Path) -> None:
    questions = SOURCE.ask(Asking(Window(DAY(2000, 1, 1), NOW.date()), watching(SNAP), NOW))
    (first, _) = next(questions)
    answers = [None if content is None else answer_of(first, content, folder=tmp_path), None]
    with pytest.raises(StopIteration):
        questions.send(answers)


def test_what_the_loopback_upstream_answers_is_read_without_a_broken_piece(tmp_path: Path) -> None:
    questions = SOURCE.ask(Asking(Window(DAY(2015, 1, 1), NOW.date()), watching(SNAP, META), NOW))
    requests = list(next(questions))
    answers = [answer_of(r, upstream.answer(r), folder=tmp_path) for r in requests]
    pages = list(questions.send(answers))
    assert len(pages) == 2
    answers += [answer_of(r, upstream.answer(r), folder=tmp_path) for r in pages]
    parsed = [SOURCE.read(answer, WATCHED) for answer in answers]
    assert not any(one.broken for one in parsed)
    facts = [row for one in parsed for row in one.rows.get(FACTS, ())]
    numbers = [row["accession_number"] for one in parsed for row in one.rows.get(FILINGS, ())]
    key = ("cik", "concept", "unit", "period_key", "accession_number")
    assert len({tuple(row[name] for name in key) for row in facts}) == len(facts) > 100
    assert len(set(numbers)) == len(numbers) > 50


# --- hostile input --------------------------------------------------------------------------------


def pieces(document: Any) -> int | None:
    """Facts of watched concepts, counted another way; None where a block around them is odd."""
    count = 0
    try:
        for taxonomy, names in WATCHED_CONCEPTS.items():
            concepts = document["facts"].get(taxonomy, {})
            for name in names.intersection(concepts.keys()):
                for facts in concepts[name]["units"].values():
                    count += len(facts) if isinstance(facts, list) else 1
    except (KeyError, TypeError, AttributeError):
        return None
    return count


def held(answer: Answer) -> Parsed | None:
    """What is read, of which every value can be stored; None where the answer is refused."""
    try:
        parsed = SOURCE.read(answer, WATCHED)
    except WrongAnswerError:
        return None
    for rows in parsed.rows.values():
        for row in rows:
            "".join(map(str, row.values())).encode()
    return parsed


@given(document=odd_documents(COMPANY))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_odd_value_loses_a_fact(document: Any, tmp_path: Path) -> None:
    parsed = held(answer_of(request_of(), as_bytes(document), folder=tmp_path))
    if parsed is not None and (expected := pieces(document)) is not None:
        assert len(parsed.rows[FACTS]) + len(parsed.broken) == expected


@given(document=odd_documents(SUBMISSIONS))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_odd_value_loses_a_filing(document: Any, tmp_path: Path) -> None:
    parsed = held(answer_of(request_of(SNAP, FILINGS), as_bytes(document), folder=tmp_path))
    if parsed is not None:
        block = document["filings"]["recent"] if "filings" in document else document
        assert len(parsed.rows[FILINGS]) == len(block["accessionNumber"])


@given(content=st.one_of(damaged_bytes(as_bytes(COMPANY)), damaged_bytes(as_bytes(SUBMISSIONS))))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_gets_further_than_a_refusal(content: bytes, tmp_path: Path) -> None:
    held(answer_of(request_of(), content, folder=tmp_path))
    held(answer_of(request_of(SNAP, FILINGS), content, folder=tmp_path))
