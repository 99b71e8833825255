"""The check of a batch: every contract on good and broken rows, and rules that cannot be evaluated."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from ingestion.checks import CheckResult, check, fingerprint
from ingestion.conform import TYPE_NAMES, conform
from ingestion.contract import ColumnType, RawTable, WatchedIds
from ingestion.errors import CheckError
from ingestion.readers import BrokenRow, Rows, rows_from_records
from ingestion.tables import RAW_TABLES
from tests._support.loading import ENTRY, NOON, WATCHED, example_rows, real_watched

TABLES = pytest.mark.parametrize("table", RAW_TABLES.values(), ids=RAW_TABLES)


def checked(table: RawTable, *records: dict[str, str], watched: WatchedIds = WATCHED) -> CheckResult:
    rows = rows_from_records(records, table)
    return check(conform(rows, table, NOON), rows, table, watched, received_at=NOON)


def reasons(result: CheckResult) -> list[tuple[str, ...]]:
    return list(result.reasons_by_row.values())


@TABLES
def test_rows_of_the_bundled_case_and_watchlist_keep_their_contract(table: RawTable) -> None:
    result = checked(table, *example_rows(table), watched=real_watched())
    assert result.reasons_by_row == {}
    assert result.broken_for_the_batch == ()


@TABLES
def test_every_column_of_every_contract_is_checked(table: RawTable) -> None:
    """One broken row a fault: a missing value, a wrong type, a value that is not allowed."""
    good = example_rows(table)[0]
    broken: list[tuple[dict[str, str], str]] = []
    for column in table.columns:
        if column.required:
            broken.append(({**good, column.name: ""}, f"{column.name} is missing"))
        if column.type is not ColumnType.TEXT:
            wrong = f"{column.name} is not {TYPE_NAMES[column.type]}"
            broken.append(({**good, column.name: "no such value"}, wrong))
        if column.allowed:
            wrong = f"{column.name} is none of {', '.join(column.allowed)}"
            broken.append(({**good, column.name: "no such value"}, wrong))
    result = checked(table, *(row for row, _ in broken), watched=real_watched())
    for number, (_, rule) in enumerate(broken, start=1):
        assert rule in result.reasons_by_row[number]


@pytest.mark.parametrize(
    ("table", "change", "rule"),
    [
        ("chart_entries", {"rank": "0"}, "rank is not between 1 and 1000"),
        ("chart_entries", {"rank": "-1"}, "rank is not between 1 and 1000"),
        ("chart_entries", {"rank": "1001"}, "rank is not between 1 and 1000"),
        ("chart_entries", {"platform_id": "nobody"}, "platform_id is not on the watchlist"),
        ("chart_entries", {"country": "usa"}, "country is not an ISO 3166-1 alpha-2 code"),
        ("chart_entries", {"chart": "best"}, "chart is not a known kind of list"),
        (
            "chart_entries",
            {"store_date": "1970-01-01"},
            "store_date is before 2008-07-10 or after 2100-01-01",
        ),
        (
            "chart_entries",
            {"observed_at": "1970-01-01T00:00:00Z"},
            "observed_at is before 2008-07-10 or after 2100-01-01",
        ),
        ("price_bars", {"adjusted_close": "-1"}, "adjusted_close is not above zero"),
        ("price_bars", {"volume_shares": "-1"}, "volume_shares is negative"),
        ("price_bars", {"vintage_date": "2009-01-01"}, "the price was seen before its session"),
        ("attention", {"value": "2", "monitored_total": "1"}, "value is more than all that was monitored"),
        (
            "news_volume",
            {"matching_items": "2", "monitored_items": "1"},
            "more items match than were monitored",
        ),
        ("fx_rates", {"rate": "0"}, "rate is not above zero"),
        ("article_claims", {"url": "ftp://x"}, "url is not an http address"),
        ("platform_events", {"episode_id": "nothing"}, "episode_id is not on the watchlist"),
        ("watch_companies", {"cik": "12"}, "cik is not ten digits"),
    ],
)
def test_rules_of_single_tables(table: str, change: dict[str, str], rule: str) -> None:
    contract = RAW_TABLES[table]
    row = {**example_rows(contract)[0], **change}
    (broken,) = reasons(checked(contract, row, watched=real_watched()))
    assert broken == (rule,)


def test_a_wrong_value_is_not_also_missing() -> None:
    assert reasons(checked(RAW_TABLES["chart_entries"], {**ENTRY, "rank": "first"})) == [
        ("rank is not a whole number",)
    ]


def test_of_equal_rows_one_is_kept_and_of_contradicting_ones_none() -> None:
    rows = [ENTRY, ENTRY, {**ENTRY, "rank": "2"}, {**ENTRY, "rank": "2", "app_name": "other"}, ENTRY]
    conflict = ("another row with other content has the same key (capture_id, rank)",)
    copy = ("the row is a copy of an earlier one",)
    result = checked(RAW_TABLES["chart_entries"], *rows)
    assert result.reasons_by_row == {2: copy, 3: conflict, 4: conflict, 5: copy}


def test_a_key_of_one_column_is_checked_too() -> None:
    table = RAW_TABLES["articles"]
    good = example_rows(table)[0]
    result = checked(table, good, {**good, "outlet": "another"})
    assert reasons(result) == [("another row with other content has the same key (article_id)",)] * 2


def test_rows_without_a_whole_key_do_not_contradict_each_other() -> None:
    rows = [{**ENTRY, "capture_id": "", "app_name": name} for name in "ab"]
    assert reasons(checked(RAW_TABLES["chart_entries"], *rows)) == [("capture_id is missing",)] * 2


def test_a_warning_keeps_no_row_out() -> None:
    table = RAW_TABLES["articles"]
    result = checked(table, {**example_rows(table)[0], "language": "English"})
    assert result.reasons_by_row == {}
    (warning,) = [rule for rule in result.rules if not rule.passed and rule.severity == "warning"]
    assert (warning.failing_rows, warning.scope, warning.column) == (1, "row", "language")


def test_rows_seen_in_the_future_are_a_warning() -> None:
    result = checked(RAW_TABLES["chart_entries"], {**ENTRY, "observed_at": "2027-01-01T00:00:00Z"})
    assert result.reasons_by_row == {}
    assert "observed_at is later than the moment the file was received" in [
        rule.rule for rule in result.rules if not rule.passed
    ]


def test_missing_columns_are_named_and_nothing_else_is_evaluated() -> None:
    table = RAW_TABLES["chart_entries"]
    rows = rows_from_records([ENTRY], table)
    rows = replace(rows, frame=rows.frame.drop(columns=["rank", "store"]), unknown=("position",))
    result = check(conform(rows, table, NOON), rows, table, WATCHED, received_at=NOON)
    assert result.broken_for_the_batch == ("required columns are missing: store, rank",)
    assert result.reasons_by_row == {}
    assert "unknown columns were left out: position" in [rule.rule for rule in result.rules]


def test_no_rows_hold_the_batch_unless_they_may_be_missing() -> None:
    table = RAW_TABLES["watch_apps"]
    rows = rows_from_records([], table)
    frame = conform(rows, table, NOON)
    assert check(frame, rows, table, WATCHED, received_at=NOON).broken_for_the_batch == (
        "there is no row that can be read",
    )
    empty = check(frame, rows, table, WATCHED, received_at=NOON, may_be_empty=True)
    assert empty.broken_for_the_batch == ()


def test_rows_that_could_not_be_read_are_broken_rows() -> None:
    table = RAW_TABLES["chart_entries"]
    readable = rows_from_records([ENTRY], table)
    rows = Rows(readable.frame, (BrokenRow(2, "the row has 3 fields where the header has 8", "[]"),), ())
    result = check(conform(rows, table, NOON), rows, table, WATCHED, received_at=NOON)
    assert result.reasons_by_row == {2: ("the row has 3 fields where the header has 8",)}


# --- rules that are wrong themselves --------------------------------------------------------------


def with_rules(*make: Any) -> RawTable:
    def rules(gxe: ModuleType, watched: WatchedIds) -> list[Any]:
        return [one(gxe) for one in make]

    return replace(RAW_TABLES["chart_entries"], rules=rules)


@pytest.mark.parametrize(
    "make",
    [
        lambda gxe: gxe.ExpectColumnValuesToBeBetween(
            column="colour", min_value=1, severity="critical", meta={"rule": "colour is not there"}
        ),
        lambda gxe: gxe.ExpectColumnMaxToBeBetween(
            column="store_date", max_value="2100-01-01", severity="warning", meta={"rule": "too late"}
        ),
        lambda gxe: gxe.ExpectColumnValuesToMatchRegex(
            column="app_name", regex="(", severity="critical", meta={"rule": "no expression"}
        ),
    ],
)
def test_a_rule_that_raises_is_an_error_of_the_check_and_not_bad_data(make: Any) -> None:
    with pytest.raises(CheckError, match="could not be evaluated"):
        checked(with_rules(make), ENTRY)


def test_two_rules_of_the_same_words_are_refused() -> None:
    def make(gxe: ModuleType) -> Any:
        return gxe.ExpectColumnValuesToNotBeNull(
            column="app_name", severity="critical", meta={"rule": "app_name is missing"}
        )

    with pytest.raises(CheckError, match="same sentence"):
        checked(with_rules(make), ENTRY)


def test_a_rule_about_the_whole_batch_holds_it() -> None:
    def make(gxe: ModuleType) -> Any:
        return gxe.ExpectTableRowCountToBeBetween(
            min_value=100, severity="critical", meta={"rule": "there are fewer than 100 entries"}
        )

    result = checked(with_rules(make), ENTRY)
    assert result.broken_for_the_batch == ("there are fewer than 100 entries",)
    assert result.reasons_by_row == {}


# --- what a verdict depends on --------------------------------------------------------------------


def test_a_verdict_depends_on_contract_and_watched_ids() -> None:
    table = RAW_TABLES["chart_entries"]
    now = fingerprint(table, WATCHED)
    assert fingerprint(table, WATCHED) == now
    assert fingerprint(replace(table, key=("capture_id",)), WATCHED) != now
    assert fingerprint(replace(table, columns=table.columns[1:]), WATCHED) != now
    assert fingerprint(table, replace(WATCHED, platforms=WATCHED.platforms | {"x"})) != now
    assert fingerprint(table, replace(WATCHED, companies=WATCHED.companies | {"x"})) != now
    assert fingerprint(RAW_TABLES["fx_rates"], WATCHED) != now
