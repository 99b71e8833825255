"""GDELT's bulk files: what is asked for a day, and what a file, a gap and a list say."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.settings import WATCHLIST
from ingestion.source import Answer, Asking, Kind, Parsed, Request, Row, Window, WrongAnswerError
from ingestion.sources.gdelt_gkg import BASE, GAP, SOURCE, listed_files
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import Watchlist, parse_watchlist
from tests._support.answers import answer_of
from tests._support.damage import damaged_bytes
from tests._support.gkg import record, zipped
from tests._support.upstreams import gdelt_gkg as upstream

DAY = date(2025, 1, 15)
BATCH = "20250115001500"
LONG_AFTER = datetime(2025, 2, 1, tzinfo=UTC)


@cache
def watched() -> Watchlist:
    return parse_watchlist(WATCHLIST.read_bytes())


def request(edition: str = "en", batch: str = BATCH, **labels: str) -> Request:
    infix = ".translation" if edition == "translated" else ""
    return Request(
        f"{BASE}/{batch}{infix}.gkg.csv.zip",
        Kind.ZIP,
        DAY,
        {"edition": edition, "batch": batch, **labels},
        missing_is_answer=True,
    )


def read(folder: Path, lines: Iterable[bytes], edition: str = "en", **labels: str) -> Parsed:
    content = zipped(b"".join(line + b"\n" for line in lines))
    return SOURCE.read(answer_of(request(edition, **labels), content, folder=folder), watched())


def counts(parsed: Parsed) -> dict[object, object]:
    return {
        row["subject_id"]: row["matching_items"]
        for row in parsed.rows["news_volume"]
        if row["matching_items"]
    }


def mentions(parsed: Parsed) -> list[tuple[object, ...]]:
    names = ("platform_id", "alias", "found_in", "mentions", "context")
    return [tuple(row[name] for name in names) for row in parsed.rows["article_mentions"]]


def only(rows: Iterable[Row]) -> Row:
    (row,) = rows
    return row


# --- what is asked --------------------------------------------------------------------------------


def asked(
    first: date, last: date, now: datetime, folder: Path, *, lists: bool = True
) -> tuple[list[Request], list[list[Request]]]:
    """The requests for lists, and those for files, a list each day."""
    questions = SOURCE.ask(Asking(Window(first, last), watched(), now))
    rounds: list[list[Request]] = []
    answers: list[Answer | None] | None = None
    try:
        while True:
            requests = list(next(questions) if answers is None else questions.send(answers))
            rounds.append(requests)
            is_answered = lists and requests[0].kind is Kind.TEXT
            answers = [
                answer_of(one, upstream.answer(one), folder=folder) if is_answered else None
                for one in requests
            ]
    except StopIteration:
        pass
    of_lists = [one for requests in rounds for one in requests if one.kind is Kind.TEXT]
    return of_lists, [requests for requests in rounds if requests[0].kind is Kind.ZIP]


def test_a_past_day_is_asked_by_names_alone(tmp_path: Path) -> None:
    of_lists, days = asked(DAY, DAY, LONG_AFTER, tmp_path)
    assert of_lists == []
    (files,) = days
    base = "https://storage.googleapis.com/data.gdeltproject.org/gdeltv2"
    assert [one.url for one in files[:3]] == [
        f"{base}/20250115234500.gkg.csv.zip",
        f"{base}/20250115234500.translation.gkg.csv.zip",
        f"{base}/20250115233000.gkg.csv.zip",
    ]
    assert files[-1].url == f"{base}/20250115000000.translation.gkg.csv.zip"
    assert len(files) == len({one.url for one in files}) == 96 + 96
    assert all(one.missing_is_answer and one.day == DAY and one.kind is Kind.ZIP for one in files)


def test_each_day_of_a_window_is_a_round_and_the_newest_comes_first(tmp_path: Path) -> None:
    _, days = asked(DAY, DAY + timedelta(days=2), LONG_AFTER, tmp_path)
    assert [{one.day for one in files} for files in days] == [{DAY + timedelta(days=n)} for n in (2, 1, 0)]


def test_today_is_asked_as_far_as_the_lists_say(tmp_path: Path) -> None:
    now = datetime(2025, 1, 15, 23, 50, tzinfo=UTC)
    of_lists, (files,) = asked(DAY, DAY, now, tmp_path)
    assert [one.url.rpartition("/")[2] for one in of_lists] == [
        "lastupdate.txt",
        "lastupdate-translation.txt",
    ]
    assert len(files) == 96 + 96
    for one in files[:2]:
        assert one.labels["md5"] == hashlib.md5(upstream.answer(one)).hexdigest()
    assert all("md5" not in one.labels for one in files[2:])


def test_without_the_lists_today_is_asked_as_far_as_is_certain(tmp_path: Path) -> None:
    now = datetime(2025, 1, 15, 3, 1, tzinfo=UTC)
    _, (files,) = asked(DAY, DAY, now, tmp_path, lists=False)
    assert files[0].labels["batch"] == "20250115021500"


def test_what_a_list_names_after_now_is_not_asked(tmp_path: Path) -> None:
    _, (files,) = asked(DAY, DAY, datetime(2025, 1, 15, 3, 1, tzinfo=UTC), tmp_path)
    assert files[0].labels["batch"] == "20250115030000"


def test_the_first_file_is_of_18_february_2015_at_23_o_clock(tmp_path: Path) -> None:
    _, days = asked(date(2015, 2, 17), date(2015, 2, 18), LONG_AFTER, tmp_path)
    assert [one.labels["batch"] for one in days[0][::2]] == [
        "20150218234500", "20150218233000", "20150218231500", "20150218230000",
    ]  # fmt: skip
    assert len(days) == 1


def test_the_future_is_not_asked(tmp_path: Path) -> None:
    _, days = asked(date(2025, 3, 1), date(2025, 3, 1), LONG_AFTER, tmp_path, lists=False)
    assert days == []


# --- lists ----------------------------------------------------------------------------------------


def test_names_on_a_list_have_either_case() -> None:
    text = (
        "150383 297a16b493de7cf6ca809a7cc31d0b93 http://data.gdeltproject.org/gdeltv2/20150218230000.export.CSV.zip\n"
        "318084 BB27F78BA45F69A17EA6ED7755E9F8FF http://data.gdeltproject.org/gdeltv2/20150218230000.mentions.CSV.zip\r\n"
        "10768507 ea8dde0beb0ba98810a92db068c0ce99 http://data.gdeltproject.org/gdeltv2/20150218230000.gkg.csv.zip\n"
        "\n"
        "a line that names nothing\n"
        "1 297a16b493de7cf6ca809a7cc31d0b93 http://data.gdeltproject.org/gdeltv2/20159918230000.gkg.csv.zip\n"
    )
    files, odd = listed_files(text)
    assert [(one.suffix, one.size) for one in files] == [
        (".export.csv.zip", 150383), (".mentions.csv.zip", 318084), (".gkg.csv.zip", 10768507),
    ]  # fmt: skip
    assert {one.batch for one in files} == {datetime(2015, 2, 18, 23, tzinfo=UTC)}
    assert files[1].md5 == "bb27f78ba45f69a17ea6ed7755e9f8ff"
    assert [number for number, _ in odd] == [5, 6]


def list_answer(folder: Path, content: bytes) -> Answer:
    one = Request(f"{BASE}/lastupdate.txt", Kind.TEXT, DAY, {"edition": "en"})
    return answer_of(one, content, folder=folder)


def test_a_list_brings_no_rows_and_its_odd_lines_are_broken(tmp_path: Path) -> None:
    one = Request(f"{BASE}/lastupdate.txt", Kind.TEXT, DAY, {"edition": "en"})
    content = upstream.answer(one) + b"odd\n"
    parsed = SOURCE.read(list_answer(tmp_path, content), watched())
    assert not any(parsed.rows.values())
    assert [(piece.position, piece.text) for piece in parsed.broken] == [(4, "odd")]


@pytest.mark.parametrize("content", [b"", b"<html>Back soon</html>", b"\xff\xfe\x00"])
def test_a_list_of_nothing_is_a_wrong_answer(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WrongAnswerError, match="names none") as wrong:
        SOURCE.read(list_answer(tmp_path, content), watched())
    assert wrong.value.is_retriable


# --- articles -------------------------------------------------------------------------------------


def test_an_article_and_what_it_names(tmp_path: Path) -> None:
    line = record(
        7,
        "TikTok users download   RedNote &amp; others",
        organizations="Tik Tok,10;Tik Tok,99;Meta,120",
        url="https://outlet.example/news/tiktok-ban.html",
        extras="<PAGE_PRECISEPUBTIMESTAMP>20250114235959</PAGE_PRECISEPUBTIMESTAMP>",
    )
    parsed = read(tmp_path, [record(1), line])
    article = only(parsed.rows["articles"])
    assert article == article | {
        "url": "https://outlet.example/news/tiktok-ban.html",
        "outlet": "outlet.example",
        "language": "en",
        "published_date": date(2025, 1, 14),
        "published_at": datetime(2025, 1, 14, 23, 59, 59, tzinfo=UTC),
        "published_precision": "minute",
        "title": "TikTok users download RedNote &amp; others",
        "tone_score": "-1.5",
        "word_count": "321",
        "note": None,
    }
    assert mentions(parsed) == [
        ("tiktok", "TikTok", "title", 2, None),
        ("xiaohongshu", "RedNote", "title", 1, None),
    ]
    assert {row["article_id"] for row in parsed.rows["article_mentions"]} == {article["article_id"]}
    assert counts(parsed) == {"tiktok": 1, "xiaohongshu": 1}
    volume = parsed.rows["news_volume"]
    assert {row["monitored_items"] for row in volume} == {2}
    assert {row["subject_id"] for row in volume} == {
        name for name, one in watched().platforms.items() if one.aliases
    }
    assert {row["batch"] for row in volume} == {BATCH}


def test_without_a_time_an_article_stands_on_the_day_of_its_batch(tmp_path: Path) -> None:
    article = only(read(tmp_path, [record(1, "TikTok ban", batch="20250114234500")]).rows["articles"])
    assert (article["published_date"], article["published_at"]) == (date(2025, 1, 14), None)
    assert article["published_precision"] == "day"
    assert "the page gives no time" in str(article["note"])


@pytest.mark.parametrize("stamp", ["20250116000000", "20251399000000", "soon"])
def test_a_time_that_cannot_be_is_told_and_not_used(tmp_path: Path, stamp: str) -> None:
    extras = f"<PAGE_PRECISEPUBTIMESTAMP>{stamp}</PAGE_PRECISEPUBTIMESTAMP>"
    article = only(read(tmp_path, [record(1, "TikTok ban", extras=extras)]).rows["articles"])
    assert (article["published_date"], article["published_at"]) == (DAY, None)
    assert stamp in str(article["note"])


def test_what_is_missing_is_none_and_an_outlet_is_its_host(tmp_path: Path) -> None:
    article = only(read(tmp_path, [record(1, "TikTok ban", outlet="", tone="", batch="x")]).rows["articles"])
    assert (article["outlet"], article["tone_score"], article["word_count"]) == ("outlet.example", None, None)
    assert article["published_date"] == DAY


def test_odd_values_stay_as_text_for_the_check(tmp_path: Path) -> None:
    article = only(read(tmp_path, [record(1, "TikTok ban", tone="high,1,2,3,4,5,many")]).rows["articles"])
    assert (article["tone_score"], article["word_count"]) == ("high", "many")


@pytest.mark.parametrize(
    ("translation", "language"),
    [
        ("srclc:zho;eng:GT-ZHO 1.0", "zh"),
        ("srclc:fra;eng:Moses 2.1.1 / MosesCore Europarl fr-en / GT-FRA 1.0", "fr"),
        ("srclc:xyz;eng:GT", "xyz"),
        ("", None),
    ],
)
def test_the_language_is_that_of_the_original(tmp_path: Path, translation: str, language: str | None) -> None:
    parsed = read(tmp_path, [record(1, "TikTok", translation=translation)], "translated")
    assert only(parsed.rows["articles"])["language"] == language
    assert {row["signal"] for row in parsed.rows["news_volume"]} == {"gdelt_gkg_translated"}


def test_an_ambiguous_entity_is_read_among_its_neighbours(tmp_path: Path) -> None:
    alone = read(tmp_path, [record(1, names="Threads,5;Needle Works,9")])
    assert mentions(alone) == []
    beside = read(tmp_path, [record(1, names="Bluesky,1;Threads,5;Mastodon,9")])
    assert {row[0] for row in mentions(beside)} == {"bluesky", "threads", "mastodon"}


def test_an_entity_with_an_accent_is_found(tmp_path: Path) -> None:
    assert mentions(read(tmp_path, [record(1, names="TikTók,5")]))[0][:4] == (
        "tiktok",
        "TikTok",
        "entities",
        1,
    )


def test_an_address_counts_where_nothing_else_names_the_platform(tmp_path: Path) -> None:
    parsed = read(tmp_path, [record(1, url="https://outlet.example/2025/why-tik-tok-users-leave.html")])
    assert mentions(parsed) == [("tiktok", "Tik Tok", "url", 1, None)]


def test_an_address_that_comes_again_is_one_article(tmp_path: Path) -> None:
    lines = [record(n, "TikTok ban", url="https://outlet.example/a") for n in (2, 1, 0)]
    parsed = read(tmp_path, [record(9), *lines])
    assert len(parsed.rows["articles"]) == len(parsed.rows["article_mentions"]) == 1
    volume = parsed.rows["news_volume"][0]
    assert volume["monitored_items"] == 2
    assert volume["note"] == "of 4 records: 2 of an address that came before"
    assert counts(parsed) == {"tiktok": 1}


def test_a_citation_is_no_article_and_is_told(tmp_path: Path) -> None:
    line = record(1, "TikTok", collection="2", url="as listed in Russian /BBC Monitoring/(c) BBC")
    parsed = read(tmp_path, [record(0), line])
    assert parsed.rows["articles"] == []
    assert parsed.rows["news_volume"][0]["note"] == "of 2 records: 1 without an address"
    assert counts(parsed) == {}


def test_a_broken_line_is_kept_and_the_rest_is_read(tmp_path: Path) -> None:
    parsed = read(tmp_path, [record(0, "TikTok"), b"half\ta line"])
    piece = only(parsed.broken)  # type: ignore[arg-type]
    assert (piece.table, piece.position, piece.text) == ("articles", 2, "half\ta line")  # type: ignore[attr-defined]
    assert parsed.rows["news_volume"][0]["note"] == "of 2 records: 1 broken"
    assert counts(parsed) == {"tiktok": 1}


def test_zero_is_a_count(tmp_path: Path) -> None:
    volume = read(tmp_path, [record(0), record(1)]).rows["news_volume"]
    assert {(row["matching_items"], row["monitored_items"], row["distinct_outlets"]) for row in volume} == {
        (0, 2, 0)
    }


def test_an_empty_file_monitored_nothing(tmp_path: Path) -> None:
    assert {row["monitored_items"] for row in read(tmp_path, []).rows["news_volume"]} == {0}


def test_a_file_that_is_not_there_is_a_gap_and_no_zero(tmp_path: Path) -> None:
    missing = answer_of(request(), b"<Error><Code>NoSuchKey</Code></Error>", folder=tmp_path, status=404)
    parsed = SOURCE.read(missing, watched())
    assert set(parsed.rows) == {"news_volume"}
    volume = parsed.rows["news_volume"]
    assert {(row["matching_items"], row["monitored_items"], row["note"]) for row in volume} == {
        (None, None, GAP)
    }
    assert {row["batch"] for row in volume} == {BATCH}


# --- wrong answers --------------------------------------------------------------------------------


def test_a_checksum_that_a_list_gave_must_hold(tmp_path: Path) -> None:
    content = zipped(record(0) + b"\n")
    right = hashlib.md5(content).hexdigest()
    assert SOURCE.read(answer_of(request(md5=right), content, folder=tmp_path), watched()).rows["news_volume"]
    with pytest.raises(WrongAnswerError, match="MD5") as wrong:
        SOURCE.read(answer_of(request(md5="0" * 32), content, folder=tmp_path), watched())
    assert wrong.value.is_retriable


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 200), (b"<html>Back soon</html>", 200), (zipped(b"a,b\nc,d\n"), 200), (b"no", 500), (b"no", 403)],
)
def test_what_is_no_gkg_file_is_a_wrong_answer(tmp_path: Path, content: bytes, status: int) -> None:
    with pytest.raises(WrongAnswerError):
        SOURCE.read(answer_of(request(), content, folder=tmp_path, status=status), watched())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_a_wrong_answer_or_is_told(tmp_path: Path, data: st.DataObject) -> None:
    whole = upstream.file_of(f"{BASE}/{BATCH}.gkg.csv.zip")
    content = data.draw(damaged_bytes(whole))
    try:
        parsed = SOURCE.read(answer_of(request(), content, folder=tmp_path), watched())
    except WrongAnswerError:
        return
    assert counts(parsed) == dict(upstream.planted(f"{BASE}/{BATCH}.gkg.csv.zip"))


# --- the recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "edition", "monitored", "note", "matching"),
    [
        (
            "gkg.csv",
            "en",
            98,
            "of 100 records: 2 without an address",
            {"facebook": 2, "instagram": 3, "x": 6},
        ),
        (
            "gkgT.csv",
            "translated",
            89,
            "of 100 records: 11 of an address that came before",
            {"facebook": 3, "youtube": 1, "x": 1},
        ),
        ("20250915130000.gkg.excerpt.csv", "en", 1, None, {"instagram": 1}),
    ],
)
def test_recordings(
    shared: Path,
    tmp_path: Path,
    name: str,
    edition: str,
    monitored: int,
    note: str | None,
    matching: dict[str, int],
) -> None:
    with zipfile.ZipFile(tmp_path / "recorded.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(shared / "recordings" / "news" / "gdelt" / name)
    content = (tmp_path / "recorded.zip").read_bytes()
    parsed = SOURCE.read(answer_of(request(edition), content, folder=tmp_path), watched())
    assert parsed.broken == []
    assert {row["monitored_items"] for row in parsed.rows["news_volume"]} == {monitored}
    assert {row["note"] for row in parsed.rows["news_volume"]} == {note}
    assert counts(parsed) == matching
    for table, rows in parsed.rows.items():
        assert all(set(row) <= set(RAW_TABLES[table].column_names) for row in rows)


def test_a_recorded_article_in_another_language(shared: Path, tmp_path: Path) -> None:
    content = zipped((shared / "recordings" / "news" / "gdelt" / "gkgT.csv").read_bytes())
    parsed = SOURCE.read(answer_of(request("translated"), content, folder=tmp_path), watched())
    article = parsed.rows["articles"][-1]
    assert article == article | {
        "outlet": "rtl.be",
        "language": "fr",
        "published_date": date(2020, 3, 18),
        "published_precision": "day",
        "title": "Coronavirus: Google, Facebook et Apple appelés à lutter avec les données",
        "tone_score": "-2.7190332326284",
        "word_count": "308",
    }
    assert mentions(parsed)[-1] == ("facebook", "Facebook", "title", 3, None)


# --- the upstream of the tests --------------------------------------------------------------------


@pytest.mark.parametrize("edition", ["en", "translated"])
def test_what_was_planted_is_found(tmp_path: Path, edition: str) -> None:
    for quarter in ("00", "15", "30"):
        one = request(edition, f"2025011510{quarter}00")
        parsed = SOURCE.read(answer_of(one, upstream.answer(one), folder=tmp_path), watched())
        assert counts(parsed) == dict(upstream.planted(one.url))
        assert parsed.rows["news_volume"][0]["monitored_items"] == upstream.rows_in(one.url)
