"""What is cleaned up once a week, each step for itself: one that fails stops no other.

Belongs here: the order of the steps, and the history of runs and ticks. Does not belong here: when it is done
(`orchestration.defs.maintenance`), and what may go of the archive and quarantine (`ingestion.retention`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from ingestion.effects import locked
from ingestion.limits import Limits
from ingestion.loads import merge_past_days
from ingestion.parsed import KEPT, forget_old
from ingestion.retention import Removed, forget_settled_quarantine, forget_unreferenced
from ingestion.settings import Home
from orchestration import upkeep
from orchestration.publish import delete_expired, distrust
from orchestration.warehouse_file import compact

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
WAREHOUSE = "warehouse"
RECORDS_AT_ONCE = 500
"""Of events, which hold previews: memory and SQL statements stay small."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """A step, and what came of it. `problem`: why it failed."""

    step: str
    told: str
    problem: bool = False


def maintain(home: Home, instance: dg.DagsterInstance, now: datetime, limits: Limits) -> list[Done]:
    """Takes every step, and says what each has done."""
    old_runs, old_ticks = now - limits.keep_runs, now - limits.keep_ticks
    steps: Mapping[str, Callable[[], str]] = {
        "runs": lambda: f"{delete_runs(home, instance, old_runs)} runs deleted",
        "ticks": lambda: f"old ticks of {purge_ticks(instance, old_ticks)} schedules and sensors deleted",
        "cache": lambda: _forgot(home, now),
        "archive": lambda: _removed(forget_unreferenced(home, now, limits.keep_unreferenced)),
        "quarantine": lambda: _removed(forget_settled_quarantine(home, now, limits.keep_quarantine)),
        "ledger": lambda: f"{merge_past_days(home, now)} files of single loads merged into their day's",
        "published": lambda: _published(home, now),
        "warehouse": lambda: _compacted(home),
    }
    done = []
    for name, step in steps.items():
        try:
            done.append(Done(name, step()))
        except Exception as error:
            logger.exception("Maintenance: %s failed", name)
            done.append(Done(name, f"{type(error).__name__}: {error}", problem=True))
    return done


def delete_runs(home: Home, instance: dg.DagsterInstance, before: datetime) -> int:
    """Deletes runs that ended before that moment, with events and logs; gives their number.

    A run that made the newest version of an asset, or of one of its partitions, stays: what the web UI knows
    of them is its events. Without them it would call days missing that were asked, and ask for them again.
    """
    shown = _runs_that_assets_show(instance) | _runs_that_partitions_show(instance)
    ended = instance.get_run_ids(dg.RunsFilter(statuses=ENDED, updated_before=before))
    gone = [run_id for run_id in ended if run_id not in shown]
    for run_id in gone:
        instance.delete_run(run_id)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        # SQLite keeps a file of events a run, which deleting them only empties.
        (home.dagster / "history" / "runs" / f"{run_id}.db").unlink(missing_ok=True)
    return len(gone)


def purge_ticks(instance: dg.DagsterInstance, before: datetime) -> int:
    """Deletes what schedules and sensors noted before that moment, also of those that are gone."""
    states = instance.all_instigator_state()
    for state in states:
        instance.purge_ticks(state.instigator_origin_id, state.selector_id, before.timestamp())
    return len(states)


def _runs_that_assets_show(instance: dg.DagsterInstance) -> set[str]:
    entries = [record.asset_entry for record in instance.get_asset_records()]
    made = [entry.last_materialization_record for entry in entries if entry.last_materialization_record]
    touched = {entry.last_run_id for entry in entries if entry.last_run_id}
    return touched | {record.run_id for record in made}


def _runs_that_partitions_show(instance: dg.DagsterInstance) -> set[str]:
    """The run that made each partition last: few, since most are made many at a time."""
    found: set[str] = set()
    for key in instance.all_asset_keys():
        newest = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        ids = list(newest.values())
        for start in range(0, len(ids), RECORDS_AT_ONCE):
            some = ids[start : start + RECORDS_AT_ONCE]
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=some)
            events = instance.fetch_materializations(wanted, limit=len(some)).records
            found.update(event.run_id for event in events)
    return found


def _removed(removed: Removed) -> str:
    return f"{removed.files} {removed.what} removed ({removed.size_bytes:,} bytes)"


def _forgot(home: Home, now: datetime) -> str:
    forget_old(home, now)
    return f"readings of the archive that are older than {KEPT.days} days removed"


def _published(home: Home, now: datetime) -> str:
    """Damage that leaves a file's size and time as they were is found by reading all of it, now and then."""
    gone = len(delete_expired(home, now))
    distrust(home)
    return f"{gone} old versions deleted; the next publish reads all of the current one, and of the warehouse"


def _compacted(home: Home) -> str:
    with locked(home, WAREHOUSE):
        result = upkeep.replace_by_copy(home, lambda: compact(home))
    if result.why_not:
        return f"left as it is: {result.why_not}"
    return f"compacted from {result.before_bytes:,} to {result.after_bytes:,} bytes"
