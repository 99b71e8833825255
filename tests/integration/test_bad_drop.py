"""One drop with every bad input that can be thought of, and good files between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.load import LoadResult
from ingestion.loads import LoadRecord, read_loads
from ingestion.settings import Home
from tests._support.loading import (
    ENTRY,
    RATE,
    Ticking,
    csv_text,
    drop,
    drop_case,
    entries,
    files,
    lake_rows,
    receive_and_load,
)

PRICE = {
    "exchange": "XNAS",
    "symbol": "META",
    "session_date": "2025-01-13",
    "vintage_date": "2025-07-09",
    "adjusted_close": "608.33",
    "currency": "USD",
    "provider": "a vendor",
}
MIXED = "published_with_quarantine"
TABLES = ("chart_entries", "fx_rates", "price_bars", "articles")


def numbered(number: int, **changes: str) -> dict[str, str]:
    """A good entry of its own capture, with changes."""
    return {"capture_id": f"c{number}", **changes}


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Path, dict[str, LoadRecord]]]:
    """The drop after it was received and loaded: home, a folder outside, the ledger by file name."""
    folder = tmp_path_factory.mktemp("drop")
    home, outside = Home(folder / "home"), folder / "outside"
    outside.mkdir()
    (outside / "chart_entries.csv").write_text(entries(numbered(90, app_name="from outside")))

    drop(home, "chart_entries__good.csv", entries(numbered(1)))
    drop(home, "chart_entries__missing_column.csv", entries(numbered(2)).replace(",rank,", ",position,"))
    drop(home, "chart_entries__wrong_type.csv", entries(numbered(3), numbered(4, rank="first")))
    drop(
        home,
        "chart_entries__duplicate_key.csv",
        entries(numbered(5), numbered(6, app_name="a"), numbered(6, app_name="b"), numbered(5)),
    )
    drop(home, "chart_entries__rank_0.csv", entries(numbered(7), numbered(8, rank="0")))
    drop(home, "chart_entries__1970.csv", entries(numbered(9), numbered(10, store_date="1970-01-01")))
    drop(home, "chart_entries__nobody.csv", entries(numbered(11), numbered(12, platform_id="nobody")))
    drop(home, "chart_entries__only_bad.csv", entries(numbered(13, rank="0")))
    mixed = entries(numbered(14), numbered(15), numbered(16)).split("\n")
    drop(home, "chart_entries__mixed_ends.csv", f"{mixed[0]}\r\n{mixed[1]}\n{mixed[2]}\r{mixed[3]}\r\n")
    drop(home, "chart_entries__utf16.csv", entries(numbered(17, app_name="小红书")).encode("utf-16"))
    drop(home, "chart_entries__latin1.csv", entries(numbered(18, app_name="Café")).encode("latin-1"))
    drop(home, "chart_entries__ragged.csv", entries(numbered(19)) + "c20,app_store\n")
    drop(home, "chart_entries__formula.csv", entries(numbered(21, app_name='=cmd|" /C calc"!A0')))
    drop(
        home,
        "price_bars__negative.csv",
        csv_text([PRICE, {**PRICE, "symbol": "SNAP", "adjusted_close": "-1"}]),
    )
    drop(home, "fx_rates__empty.csv", "")
    drop(home, "fx_rates__header_only.csv", csv_text([RATE]).splitlines()[0])
    drop(home, "articles__long_line.csv", b"article_id,url\n" + b"x" * 50_000_000 + b"\n")
    drop(home, "fx_rates__truncated.parquet", b"PAR1")
    drop(
        home,
        "fx_rates__good.jsonl",
        '{"provider": "ecb", "base_currency": "EUR", "quote_currency": "USD", '
        '"rate_date": "2025-01-13", "rate": 1.0198}\n{"broken\n',
    )
    drop(home, "..%2f..%2fchart_entries.csv", entries(numbered(22)))
    drop(home, "chart_entries.csv.gz", b"\x1f\x8b")
    drop(home, "watch_platforms.csv", "platform_id,name,kind\nnobody,Nobody,social\n")
    drop_case(home, "good_case", {"fx_rates": csv_text([{**RATE, "quote_currency": "CNY", "rate": "7.5"}])})
    (home.inbox / "chart_entries__link.csv").symlink_to(outside / "chart_entries.csv")
    (home.inbox / "linked_folder").symlink_to(outside)
    os.mkfifo(home.inbox / "chart_entries__pipe.csv")

    writing = drop(home, "chart_entries__writing.csv", entries(numbered(23)))
    with writing.open("a"):
        results: list[LoadResult] = receive_and_load(home, *TABLES, clock=Ticking())
    assert results
    yield home, outside, {record.file_name: record for record in read_loads(home)}


@pytest.mark.parametrize(
    ("name", "verdict", "counts", "reason"),
    [
        ("chart_entries__good.csv", "published", (1, 1, 0), None),
        ("chart_entries__missing_column.csv", "held", (1, 0, 1), "required columns are missing: rank"),
        (
            "chart_entries__wrong_type.csv",
            "published_with_quarantine",
            (2, 1, 1),
            "rank is not a whole number",
        ),
        ("chart_entries__duplicate_key.csv", MIXED, (4, 1, 3), "has the same key"),
        ("chart_entries__rank_0.csv", MIXED, (2, 1, 1), "rank is not between 1"),
        ("chart_entries__1970.csv", MIXED, (2, 1, 1), "store_date is before 2008"),
        ("chart_entries__nobody.csv", MIXED, (2, 1, 1), "is not on the watchlist"),
        ("chart_entries__only_bad.csv", "held", (1, 0, 1), "no row is fit for the lake"),
        ("chart_entries__mixed_ends.csv", "published", (3, 3, 0), None),
        ("chart_entries__utf16.csv", "published", (1, 1, 0), None),
        ("chart_entries__latin1.csv", "held", (0, 0, 0), "the byte at offset"),
        ("chart_entries__ragged.csv", MIXED, (2, 1, 1), "the row has 2 fields"),
        ("chart_entries__formula.csv", "published", (1, 1, 0), None),
        (
            "price_bars__negative.csv",
            "published_with_quarantine",
            (2, 1, 1),
            "adjusted_close is not above zero",
        ),
        ("fx_rates__empty.csv", "held", (0, 0, 0), "is empty"),
        ("fx_rates__header_only.csv", "held", (0, 0, 0), "there is no row"),
        ("articles__long_line.csv", "held", (0, 0, 0), "line 2 is longer than 1048576 characters"),
        ("fx_rates__truncated.parquet", "held", (0, 0, 0), "cannot be read as Parquet"),
        ("fx_rates__good.jsonl", MIXED, (2, 1, 1), "no flat JSON object"),
        ("..%2f..%2fchart_entries.csv", "failed", (0, 0, 0), "name that is not taken"),
        ("chart_entries.csv.gz", "failed", (0, 0, 0), "a kind that is not read (.gz)"),
        ("watch_platforms.csv", "failed", (0, 0, 0), "comes from the watchlist alone"),
        ("fx_rates.csv", "published", (1, 1, 0), None),
        ("chart_entries__link.csv", "failed", (0, 0, 0), "is a symbolic link"),
        ("linked_folder", "failed", (0, 0, 0), "is a symbolic link"),
        ("chart_entries__pipe.csv", "failed", (0, 0, 0), "is not a regular file"),
    ],
)
def test_each_file_has_its_verdict_and_reason(
    dropped: tuple[Home, Path, dict[str, LoadRecord]],
    name: str,
    verdict: str,
    counts: tuple[int, int, int],
    reason: str | None,
) -> None:
    record = dropped[2][name]
    assert record.verdict == verdict
    assert (record.rows_in, record.rows_published, record.rows_quarantined) == counts
    if reason is None:
        assert record.reason is None
    else:
        assert reason in str(record.reason)


def test_all_good_rows_are_in_the_lake_and_no_others(
    dropped: tuple[Home, Path, dict[str, LoadRecord]],
) -> None:
    home = dropped[0]
    loaded = {str(capture) for (capture,) in lake_rows(home, "chart_entries", "capture_id")}
    assert loaded == {f"c{n}" for n in (1, 3, 5, 7, 9, 11, 14, 15, 16, 17, 19, 21)}
    names = lake_rows(home, "chart_entries", "app_name")
    assert {("小红书",), ('=cmd|" /C calc"!A0',)} <= set(names)
    assert lake_rows(home, "price_bars", "symbol, adjusted_close") == [("META", 608.33)]
    assert lake_rows(home, "fx_rates", "quote_currency, source") == [
        ("CNY", "case_good_case"),
        ("USD", "import"),
    ]


def test_the_ledger_has_a_row_a_file_and_loses_none(
    dropped: tuple[Home, Path, dict[str, LoadRecord]],
) -> None:
    home, _, records = dropped
    assert len(records) == len(read_loads(home)) == 26
    assert all(r.rows_in == r.rows_published + r.rows_quarantined for r in records.values())
    in_quarantine = duckdb.execute(f"SELECT count(*) FROM '{home.quarantine}/*/*.parquet'").fetchall()[0][0]
    assert in_quarantine == sum(
        record.rows_quarantined for record in records.values() if "missing_column" not in record.file_name
    )


def test_what_is_being_written_waits_and_nothing_outside_was_touched(
    dropped: tuple[Home, Path, dict[str, LoadRecord]],
) -> None:
    home, outside, records = dropped
    assert "chart_entries__writing.csv" not in records
    assert sorted(path.name for path in home.inbox.iterdir()) == [".rejected", "chart_entries__writing.csv"]
    assert files(outside).keys() == {"chart_entries.csv"}
    assert all(path.is_relative_to(home.root) or path == outside for path in outside.parent.iterdir())
    (late,) = receive_and_load(home, *TABLES, clock=Ticking())
    assert (late.record.file_name, late.record.verdict) == ("chart_entries__writing.csv", "published")
    assert ENTRY["rank"] == "1"
