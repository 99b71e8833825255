"""What is told of the sources: lag, volume, quarantine, freshness, and what to do."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.archive import Format, Origin, new_receipt, store_chunks, write_receipt
from ingestion.errors import SettingError
from ingestion.health import State, freshness, health
from ingestion.health_page import page_of
from ingestion.limits import SETTINGS, limits_from
from ingestion.loads import Verdict, started, write_load
from ingestion.settings import Home
from ingestion.windows import DayReport, WindowState, note_days, note_days_of_platforms
from orchestration.defs.health import WATCHED, compare_with_history, late_name, unusual_name
from orchestration.defs.lake import raw_key
from orchestration.installation import Clock, Installation
from tests._support.loading import NOON, drop, entries, receive_and_load

LIMITS = limits_from({})
SOURCE = "wikimedia_pageviews"
TODAY = NOON.date()
HOUR = timedelta(hours=1)


def asked(home: Home, *days: date, at: timedelta = HOUR, state: WindowState = WindowState.COMPLETE) -> None:
    """Notes that a source was asked for days, so long before noon."""
    reason = "1 of 4 requests failed: timed out." if state.is_lacking else None
    note_days(
        home, SOURCE, [DayReport(day, state, 4, int(bool(reason)), 0, reason, NOON - at) for day in days]
    )


def partition(home: Home, day: date, rows: int, event: date | None = None) -> None:
    """A day of the source in the lake."""
    folder = home.lake / "raw" / SOURCE / "attention" / f"day={day}"
    folder.mkdir(parents=True)
    query = f"select date '{event or day}' as attention_date, i as value from range({rows}) as r(i)"
    with duckdb.connect() as con:
        con.execute(f"copy ({query}) to '{folder / 'data.parquet'}' (format parquet)")


def state_of(home: Home, source: str = SOURCE) -> State:
    (one,) = [one for one in health(home, NOON, LIMITS).sources if one.source == source]
    return one.state


@pytest.mark.parametrize(("hours", "state"), [(47, State.WELL), (49, State.STALE)])
def test_a_source_is_stale_by_the_age_of_its_last_answer(home: Home, hours: int, state: State) -> None:
    asked(home, TODAY - timedelta(days=2), at=hours * HOUR)
    assert state_of(home) is state


def test_a_backfill_of_old_days_is_no_sign_of_life(home: Home) -> None:
    asked(home, TODAY - timedelta(days=3), at=72 * HOUR)
    asked(home, date(2025, 1, 13), at=HOUR)
    assert state_of(home) is State.STALE


def test_a_source_that_only_ever_brought_the_past_is_not_stale(home: Home) -> None:
    asked(home, date(2025, 1, 13), at=1000 * HOUR)
    assert state_of(home) is State.IDLE


def test_a_day_that_is_not_over_lacks_nothing(home: Home) -> None:
    """Each night asks again for the days before, of which there is always more to come."""
    asked(home, TODAY - timedelta(days=3))
    asked(home, TODAY, TODAY - timedelta(days=1), TODAY - timedelta(days=2), state=WindowState.OPEN)
    assert health(home, NOON, LIMITS).ill == ()
    assert state_of(home) is State.WELL


def test_the_first_answers_of_a_source_are_a_success(home: Home) -> None:
    asked(home, TODAY, state=WindowState.OPEN)
    (one,) = [one for one in health(home, NOON, LIMITS).sources if one.source == SOURCE]
    assert (one.state, one.last_success) == (State.WELL, NOON - HOUR)


def test_a_failure_does_not_undo_the_success_before_it(home: Home) -> None:
    asked(home, TODAY, at=5 * HOUR)
    asked(home, TODAY, at=HOUR, state=WindowState.MISSING)
    (one,) = health(home, NOON, LIMITS).ill
    assert (one.state, one.last_success) == (State.INCOMPLETE, NOON - 5 * HOUR)


def test_what_was_asked_for_one_platform_makes_no_source_regular(home: Home) -> None:
    days = [TODAY - timedelta(days=back) for back in (1, 2)]
    at = NOON - timedelta(hours=60)
    reports = [DayReport(day, WindowState.MISSING, 1, 1, 0, "timed out", at) for day in days]
    note_days_of_platforms(home, SOURCE, reports, frozenset({"lemon8"}))
    (one,) = health(home, NOON, LIMITS).ill
    assert State.STALE not in one.states and one.state is State.INCOMPLETE


def test_missing_days_come_with_the_command_that_asks_again(home: Home) -> None:
    asked(home, TODAY)
    asked(home, TODAY - timedelta(days=2), TODAY - timedelta(days=1), state=WindowState.PARTIAL)
    (one,) = health(home, NOON, LIMITS).ill
    assert one.state is State.INCOMPLETE
    assert (
        "observatory run --live --source wikimedia_pageviews --from 2026-11-18 --to 2026-11-19"
        in one.to_do[0]
    )
    assert "timed out" in one.to_do[0]


def test_a_volume_unlike_the_others_is_told(home: Home) -> None:
    asked(home, TODAY)
    for back in range(2, 16):
        partition(home, TODAY - timedelta(days=back), 100)
    partition(home, TODAY - timedelta(days=1), 20)
    (one,) = health(home, NOON, LIMITS).ill
    assert one.state is State.UNUSUAL
    assert "20 rows on 2026-11-19, usually 100" in one.to_do[0]


def test_quarantine_is_counted_and_named(home: Home) -> None:
    drop(home, "chart_entries__vendor.csv", entries({}, {"rank": "0"}))
    receive_and_load(home, "chart_entries")
    (one,) = health(home, NOON, LIMITS).ill
    assert (one.source, one.state, one.open_rows) == ("import", State.QUARANTINE, 1)
    assert "observatory quarantine show" in one.to_do[0]


def test_a_load_that_failed_and_still_waits_is_not_passed_over(home: Home) -> None:
    stored = store_chunks(home, [b"x"])
    origin = Origin("import", "import")
    receipt = new_receipt(origin, "fx_rates", stored.digest, file_name="a.csv", format=Format.CSV, now=NOON)
    write_receipt(home, receipt)
    record = started(receipt, NOON)
    write_load(home, type(record)(**{**record.__dict__, "verdict": Verdict.FAILED, "reason": "disk full"}))
    (one,) = health(home, NOON, LIMITS).ill
    assert one.state is State.FAILED
    assert "disk full" in one.to_do[0]


def test_what_a_file_says_is_shown_on_the_page_and_not_executed(home: Home) -> None:
    drop(home, "chart_entries__vendor.csv", entries({"rank": "0", "app_name": "<script>alert(1)</script>"}))
    receive_and_load(home, "chart_entries")
    asked(home, TODAY, state=WindowState.MISSING)
    page = page_of(health(home, NOON, LIMITS), ())
    assert "<script>" not in page
    assert "wikimedia_pageviews" in page and "import" in page


def test_freshness_is_that_of_events_and_not_of_loads(home: Home) -> None:
    asked(home, TODAY)
    partition(home, TODAY, 3, event=TODAY - timedelta(days=9))
    (one,) = freshness(home, "attention", NOON)
    assert one.is_late and one.days_behind == 9


def test_checks_warn_of_late_events_and_of_unusual_volumes(home: Home) -> None:
    asked(home, TODAY)
    for back in range(10, 25):
        partition(home, TODAY - timedelta(days=back), 100 if back > 10 else 10)
    results = checked(home)
    late, unusual = results[late_name("attention")], results[unusual_name("attention")]
    assert not late.passed and "2026-11-10, 10 days ago" in (late.description or "")
    assert not unusual.passed and "usually 100" in (unusual.description or "")
    assert late.severity is unusual.severity is dg.AssetCheckSeverity.WARN
    others = [one for name, one in results.items() if "attention" not in name]
    assert len(results) == 2 * len(WATCHED) and all(one.passed for one in others)


def checked(home: Home) -> dict[str, Any]:
    assets = [dg.AssetSpec(raw_key(name)) for name in WATCHED]
    definitions = dg.Definitions(
        assets=assets,
        asset_checks=[compare_with_history],
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())],
        resources={"installation": Installation(home=str(home.root)), "clock": Clock(fixed=NOON.isoformat())},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("checks").execute_in_process(instance=instance)
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


# --- settings -------------------------------------------------------------------------------------


def test_settings_are_what_the_environment_says() -> None:
    assert limits_from({"OBSERVATORY_STALE_HOURS": " 6 "}).stale_after == 6 * HOUR
    assert limits_from({}).keep_runs == timedelta(days=30)


@pytest.mark.parametrize("given", ["0", "-1", "soon", "1.5", "9999999"])
def test_a_setting_that_is_no_number_says_which(given: str) -> None:
    with pytest.raises(SettingError, match="OBSERVATORY_KEEP_RUNS_DAYS"):
        limits_from({"OBSERVATORY_KEEP_RUNS_DAYS": given})


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for setting in SETTINGS.values():
        assert f"| `{setting.variable}` | {setting.default} {setting.unit} |" in page
