"""The one way into the lake: archived bytes -> rows -> check -> quarantine and lake -> ledger.

Belongs here: the order of these steps, and the verdict on a load. Does not belong here: any of the steps.
A load may be killed at any point and run again: it has the same name and gives the same files.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion import lake, quarantine
from ingestion.archive import Format, Receipt, ReceiptState, object_path, receipts, set_state, update_receipt
from ingestion.checks import CheckResult, RuleResult, check, fingerprint
from ingestion.conform import conform
from ingestion.contract import RawTable, WatchedIds
from ingestion.effects import Clock, Step, locked, no_step
from ingestion.errors import CheckError, DiskFullError, UnreadableInputError, WatchlistError
from ingestion.inbox import pending
from ingestion.loads import LoadRecord, Verdict, ensure_ledger, started, write_load
from ingestion.quarantine import QuarantinedRow, quarantined_rows, rows_as_json
from ingestion.readers import Rows, read, rows_from_records
from ingestion.settings import Home
from ingestion.space import full_disk, is_full
from ingestion.tables import RAW_TABLES

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 20
SAMPLE_CHARACTERS = 500
REASON_RULES = 5
REASON_CHARACTERS = 2000
MAX_SHARE_QUARANTINED = 0.5
"""A load that owns days would put a smaller table in the place of a larger one: beyond this share of
broken rows it is held. A merge takes nothing away, so the rows that hold are let in."""

KEPT_BACK = (Verdict.PUBLISHED_WITH_QUARANTINE, Verdict.HELD)

MAY_BE_EMPTY = (Format.WATCHLIST, Format.CAPTURES)
"""Nobody need be watched, and on some days an upstream has nothing to say for a table."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadResult:
    """What became of a load.

    `sample`: at most `SAMPLE_ROWS` failing rows, each with `row_number`, `reasons` and `row` (JSON text).
    `data_docs`: the page of its validation, where there was one. `is_owed`: a case or the watchlist owes
    this batch; nobody waits for a file that somebody dropped, and one upstream must not stop the others.
    """

    record: LoadRecord
    rules: tuple[RuleResult, ...]
    sample: tuple[dict[str, object], ...]
    data_docs: Path | None
    is_owed: bool


@dataclass(frozen=True)
class _Outcome:
    """What the steps came to, before it is written down."""

    verdict: Verdict
    reason: str | None = None
    rows_in: int = 0
    rows_published: int = 0
    days: int = 0
    checked: CheckResult | None = None
    sample: tuple[dict[str, object], ...] = ()


def load_pending(
    home: Home, table_name: str, watched: WatchedIds, now: Clock, step: Step = no_step
) -> list[LoadResult]:
    """Loads all that was received for a table and is not loaded, in the order in which it was received.

    What was loaded before is checked again where the contract or the watched ids have changed since.
    """
    table = RAW_TABLES[table_name]
    with locked(home, f"load/{table_name}"):
        lake.ensure_anchor(home, table_name, lake.lake_columns(table))
        ensure_ledger(home)
        _requeue_outdated(home, table, fingerprint(table, watched))
        results = [load(home, receipt, watched, now, step) for receipt in pending(home, table_name)]
        if results:
            _write_index(home)
    return results


def load(home: Home, receipt: Receipt, watched: WatchedIds, now: Clock, step: Step = no_step) -> LoadResult:
    """Loads what `receipt` stands for.

    Never raises because of what the bytes are: they are held back, or the load has failed, and the reason
    stands in the result, the ledger and, for what is held back, the quarantine. A load that failed stays
    pending; the next run tries again. `step` hears `started`, `parsed`, `checked`, `quarantined`,
    `partition_written`, `partition_removed`, `ledger_written` and `settled`.
    """
    table = RAW_TABLES[receipt.table_name]
    running = started(receipt, now())
    try:
        write_load(home, running)
        step("started")
        outcome = _outcome(home, table, receipt, watched, step)
    except Exception as error:
        logger.exception("Load %s of %s failed", receipt.load_id, receipt.file_name)
        outcome = _Outcome(Verdict.FAILED, reason=_told(home, receipt, error))
    record = _finished(running, outcome, now())
    page = _write_page(home, record, outcome.checked) if outcome.checked else None
    record = _write_down(home, receipt, record, fingerprint(table, watched), step)
    rules = outcome.checked.rules if outcome.checked else ()
    return LoadResult(record, rules, outcome.sample, page, receipt.owns_all_days)


def _outcome(home: Home, table: RawTable, receipt: Receipt, watched: WatchedIds, step: Step) -> _Outcome:
    try:
        rows = parse(home, table, receipt)
    except (UnreadableInputError, WatchlistError) as error:
        reason = str(error)[:REASON_CHARACTERS]
        quarantine.write_rows(home, receipt, ())
        quarantine.write_batch(home, receipt, 0, reason)
        step("quarantined")
        return _Outcome(Verdict.HELD, reason=reason)
    frame = conform(rows, table, receipt.observed_at)
    step("parsed")
    checked = check(
        frame,
        rows,
        table,
        watched,
        received_at=receipt.received_at,
        may_be_empty=receipt.format in MAY_BE_EMPTY,
    )
    step("checked")
    return _settle(home, receipt, rows, frame, checked, step=step)


def parse(home: Home, table: RawTable, receipt: Receipt) -> Rows:
    """What the archive keeps under a receipt, as rows of text. Raises `UnreadableInputError`."""
    path = object_path(home, receipt.digest)
    if receipt.format is Format.WATCHLIST:
        return rows_from_records(_rows_of_watchlist(path.read_bytes())[table.name], table)
    if receipt.format is Format.CAPTURES:
        from ingestion.manifests import rows_of_day

        return rows_of_day(home, receipt, table)
    if receipt.format is Format.RELEASE:
        from ingestion.release import rows_of_release

        return rows_of_release(path.read_bytes(), table)
    return read(path, receipt.format, table, receipt.file_name)


@lru_cache(maxsize=1)
def _rows_of_watchlist(content: bytes) -> dict[str, list[dict[str, object]]]:
    """Kept for the next table: all of them come from the same bytes."""
    from ingestion.watchlist import parse_watchlist, watchlist_rows

    return watchlist_rows(parse_watchlist(content))


def _settle(
    home: Home, receipt: Receipt, rows: Rows, frame: pd.DataFrame, checked: CheckResult, *, step: Step
) -> _Outcome:
    """Sends each row to the quarantine or to the lake; all of them are one or the other."""
    reasons = checked.reasons_by_row
    out = quarantined_rows(rows, reasons)
    accepted = frame.drop(index=[row.row_number for row in out if row.row_number in frame.index])
    if rows.count != len(accepted) + len(out):
        raise CheckError(
            f"{rows.count} rows in are not {len(accepted)} accepted and {len(out)} in quarantine",
            source=receipt.file_name,
            remedy="This is a fault of the load, not of the file: report it.",
        )
    held = _why_held(receipt, rows, len(out), checked)
    summary = _summary(rows, out, checked)
    quarantine.write_rows(home, receipt, out)
    quarantine.write_batch(home, receipt, rows.count, held)
    step("quarantined")
    sample = _sample(rows, checked)
    if held:
        reason = held if not summary else f"{held} {summary}"
        return _Outcome(Verdict.HELD, reason, rows.count, 0, 0, checked, sample)
    days = lake.publish(home, RAW_TABLES[receipt.table_name], receipt, accepted, step)
    verdict = Verdict.PUBLISHED_WITH_QUARANTINE if out else Verdict.PUBLISHED
    return _Outcome(verdict, summary, rows.count, len(accepted), len(days), checked, sample)


def _why_held(receipt: Receipt, rows: Rows, quarantined: int, checked: CheckResult) -> str | None:
    """Why a batch must not be seen at all, if so."""
    if checked.broken_for_the_batch:
        return f"The batch is held: {'; '.join(checked.broken_for_the_batch)}."
    if rows.count and quarantined == rows.count:
        return "The batch is held: no row is fit for the lake."
    if (receipt.owns_all_days or receipt.owned_day) and quarantined > MAX_SHARE_QUARANTINED * rows.count:
        return f"The batch is held: more than {MAX_SHARE_QUARANTINED:.0%} of its rows are broken."
    return None


def _summary(rows: Rows, out: Sequence[QuarantinedRow], checked: CheckResult) -> str | None:
    """What broke how many rows, most first."""
    if not out:
        return None
    broken = [rule for rule in checked.rules if rule.is_critical and rule.failing_rows]
    broken.sort(key=lambda rule: -rule.failing_rows)
    told = "; ".join(f"{rule.rule} ({rule.failing_rows})" for rule in broken[:REASON_RULES])
    more = f"; and {len(broken) - REASON_RULES} more rules" if len(broken) > REASON_RULES else ""
    return f"{len(out)} of {rows.count} rows break a rule: {told}{more}."[:REASON_CHARACTERS]


def _sample(rows: Rows, checked: CheckResult) -> tuple[dict[str, object], ...]:
    """Some rows of every rule that does not hold."""
    failing = {rule: numbers for rule, numbers in checked.failing_rows_by_rule.items() if numbers}
    each = max(1, SAMPLE_ROWS // max(1, len(failing)))
    chosen = sorted({number for numbers in failing.values() for number in numbers[:each]})[:SAMPLE_ROWS]
    texts = {row.row_number: row.text for row in rows.broken}
    shown = {rule: set(chosen).intersection(numbers) for rule, numbers in failing.items()}
    given = [number for number in chosen if number not in texts]
    texts |= dict(zip(given, rows_as_json(rows.frame, given), strict=True))
    return tuple(
        {
            "row_number": number,
            "reasons": "; ".join(rule for rule, numbers in shown.items() if number in numbers),
            "row": texts[number][:SAMPLE_CHARACTERS],
        }
        for number in chosen
    )


# --- writing it down ------------------------------------------------------------------------------


def _finished(running: LoadRecord, outcome: _Outcome, now: datetime) -> LoadRecord:
    finished_at = lake.naive_utc(now)
    return replace(
        running,
        rows_in=outcome.rows_in,
        rows_published=outcome.rows_published,
        rows_quarantined=outcome.rows_in - outcome.rows_published,
        verdict=outcome.verdict,
        reason=outcome.reason,
        days=outcome.days,
        finished_at=finished_at,
        duration_seconds=(finished_at - running.started_at).total_seconds(),
    )


def _write_down(
    home: Home, receipt: Receipt, record: LoadRecord, checked_with: str, step: Step
) -> LoadRecord:
    """The ledger's last word, and the receipt, which is pending until then.

    Where not even that can be written, as on a full disk, the result says so.
    """
    try:
        write_load(home, record)
        step("ledger_written")
        if record.verdict is not Verdict.FAILED:
            settled = replace(
                receipt,
                state=ReceiptState.DONE,
                checked_with=checked_with,
                verdict=record.verdict,
                rows_published=record.rows_published,
            )
            update_receipt(home, settled)
            step("settled")
    except Exception as error:
        logger.exception("Load %s could not be written down", receipt.load_id)
        reason = f"{record.reason or ''} The ledger cannot be written: {_told(home, receipt, error)}".strip()
        return replace(record, verdict=Verdict.FAILED, reason=reason)
    return record


def _told(home: Home, receipt: Receipt, error: Exception) -> str:
    if is_full(error, home):
        error = full_disk(home, receipt.file_name, receipt.table_name)
    name = "" if isinstance(error, DiskFullError) else f"{type(error).__name__}: "
    return f"{name}{error}"[:REASON_CHARACTERS]


def _write_page(home: Home, record: LoadRecord, checked: CheckResult) -> Path | None:
    """The page of a load. It only shows: without it the load is as good."""
    from ingestion.data_docs import write_page

    try:
        return write_page(home, record, checked)
    except Exception:
        logger.exception("The Data Docs page of load %s could not be written", record.load_id)
        return None


def _write_index(home: Home) -> None:
    from ingestion.data_docs import write_index

    try:
        write_index(home)
    except Exception:
        logger.exception("The index of the Data Docs could not be written")


# --- checking again -------------------------------------------------------------------------------


def _requeue_outdated(home: Home, table: RawTable, checked_with: str) -> None:
    """Makes loads pending again that would be judged otherwise today.

    From the last to the first, so that a kill in between never leaves an earlier one to be loaded over a
    later one.
    """
    for receipt in reversed(outdated(receipts(home, table.name), checked_with)):
        set_state(home, receipt, ReceiptState.PENDING)


def outdated(received: Sequence[Receipt], checked_with: str) -> list[Receipt]:
    """Completed loads, oldest first, to check again, given all receipts of a table in order.

    Of a source whose loads own all days, the last one, where it was checked with something else. Of imports
    and releases, the first of which rows were kept back, and all later ones, since a later one wins. Of
    days of upstreams, those of which rows were kept back: each day stands for itself.
    """
    again: list[Receipt] = []
    for source in dict.fromkeys(receipt.source for receipt in received):
        done = [receipt for receipt in received if receipt.source == source]
        kept_back = [r for r in done if r.verdict in KEPT_BACK and r.checked_with != checked_with]
        if done[-1].owned_day:
            done = kept_back
        elif done[-1].owns_all_days:
            done = [r for r in done[-1:] if r.checked_with != checked_with]
        else:
            done = done[done.index(kept_back[0]) :] if kept_back else []
        again += [receipt for receipt in done if receipt.state is ReceiptState.DONE]
    return again
