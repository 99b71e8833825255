"""One asset a live upstream: asked over the network, its answers kept, its receipts left for the raw tables.

All of them are one step, so that they are asked side by side; any of them can be asked alone. One that fails
fails alone: it has a failed check that names the missing days, the others and all that follows go on, and the
next run asks for those days again. None of this is part of the main job, which stays offline.

Each asset has a partition a day, in the day zone of its source. A run for partitions asks for these days, so
that the web UI shows which days were asked for and can backfill others; any other run asks for the days that
its config names. The raw tables have no partitions: they load whatever was received.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from ingestion.errors import SettingError
from ingestion.limits import limits_from
from ingestion.settings import Home
from ingestion.source import Source, Window
from ingestion.sources import SOURCES
from ingestion.storefronts import MORE_STOREFRONTS
from orchestration.defs.received import WATCHLIST
from orchestration.installation import Clock, Installation, Network
from orchestration.presentation import OWNERS, PREVIEW_ROWS, Group, checks_of, schema, table

if TYPE_CHECKING:
    from ingestion.fetch import FetchResult, Scope

GROUP = Group.UPSTREAMS
STEP = "fetch_upstreams"
NO_REQUESTS = dg.MetadataValue.int(0)


FIRST_DAY = "2015-01-01"
"""Of what the days are counted from: the news of GDELT and the page views begin in this year."""
DAYS_A_RUN = 30
BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=DAYS_A_RUN)
"""Of every source: a run for each day would spend its time with starting, one for a year is lost as a whole
when it is killed, and no source may be asked for longer than `ingestion.fetch.SOURCE_SECONDS` at a time."""


@cache
def days_of(zone: str) -> dg.DailyPartitionsDefinition:
    """A partition a day of a zone, today's included: what is live today is gone tomorrow."""
    return dg.DailyPartitionsDefinition(FIRST_DAY, timezone=zone, end_offset=1)


class LiveConfig(dg.Config):
    """What to ask for in a run without partitions.

    `first` and `last`: the days, both included, as `2025-01-13`; empty: today, in each upstream's own zone.
    `only_new`: what never changes and is in the archive is not asked for again. `platforms`: only what
    concerns these is asked for; upstreams that cannot be asked by platform must not be selected.
    `more_storefronts`: charts of more countries than the watched ones are asked for.
    """

    first: str = ""
    last: str = ""
    only_new: bool = False
    platforms: list[str] = Field(default_factory=list)
    more_storefronts: bool = False

    def scope(self) -> "Scope":
        """Which questions are asked."""
        from ingestion.fetch import Scope

        return Scope(
            only_new=self.only_new or bool(self.platforms),
            platforms=frozenset(self.platforms),
            more_storefronts=MORE_STOREFRONTS if self.more_storefronts else (),
        )

    def window(self) -> Window | None:
        """The days as a window. Raises `SettingError`."""
        if not self.first and not self.last:
            return None
        try:
            window = Window(date.fromisoformat(self.first), date.fromisoformat(self.last))
        except ValueError as error:
            raise SettingError(
                f"{self.first!r} to {self.last!r} are no days: {error}",
                source=STEP,
                remedy="Give both as YYYY-MM-DD, or neither.",
            ) from error
        if window.last < window.first:
            raise SettingError("the last day is before the first", source=STEP, remedy="Exchange them.")
        return window


def upstream_key(name: str) -> dg.AssetKey:
    """The asset of a source."""
    return dg.AssetKey(["upstream", name])


def check_name(name: str) -> str:
    """The sentence that a failing check says."""
    return f"{name}_did_not_answer_for_every_day"


def keys_for(table_name: str) -> list[dg.AssetKey]:
    """The upstreams that bring rows for a raw table."""
    return [upstream_key(source.name) for source in SOURCES.values() if table_name in source.tables]


def default_sources() -> list[str]:
    """Names of the sources that are asked unless others are named."""
    return [source.name for source in SOURCES.values() if source.is_default]


def upstream_assets() -> dg.AssetsDefinition:
    """All sources, any of which can be asked alone."""

    @dg.multi_asset(
        name=STEP,
        specs=[_asset_spec(source) for source in SOURCES.values()],
        check_specs=[_check_spec(source) for source in SOURCES.values()],
        can_subset=True,
        backfill_policy=BACKFILL,
    )
    def fetch_upstreams(
        context: dg.AssetExecutionContext,
        config: LiveConfig,
        installation: Installation,
        network: Network,
        clock: Clock,
    ) -> Iterator[dg.MaterializeResult]:
        from ingestion.fetch import fetch_all

        home = installation.folders()
        partitions = _days_of_run(context)
        sources = [s for s in SOURCES.values() if upstream_key(s.name) in context.selected_asset_keys]
        with network.client() as client:
            for result in fetch_all(
                home,
                sources,
                partitions or config.window(),
                watchlist=installation.parsed_watchlist(),
                client=client,
                now=clock.now,
                scope=config.scope(),
            ):
                for line in result.missing:
                    context.log.warning(line)
                yield _materialized(home, result, partitions)

    return fetch_upstreams


def _days_of_run(context: dg.AssetExecutionContext) -> Window | None:
    """The days of a run for partitions."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return None
    keys = context.partition_key_range
    return Window(date.fromisoformat(keys.start), date.fromisoformat(keys.end))


def _freshness_of(source: Source) -> dg.FreshnessPolicy | None:
    """Only what is asked regularly can be stale."""
    if not source.is_default:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=limits_from(os.environ).stale_after)


def _asset_spec(source: Source) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=upstream_key(source.name),
        deps=[WATCHLIST],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"http"},
        description=_description(source),
        partitions_def=days_of(source.day_zone),
        freshness_policy=_freshness_of(source),
        metadata={
            "dagster/column_schema": schema(
                day="The day that was asked for.",
                url="What was asked.",
                status="The HTTP status of the answer.",
                bytes="Its size.",
                fetched_at="When it came.",
                refused="Why it cannot be used, if so.",
            ),
            "checks": checks_of(upstream_key(source.name)),
            "tables": list(source.tables),
            "hosts": list(source.hosts),
            "requests_per_minute": source.pace.requests_per_minute,
            "day_zone": source.day_zone,
            "look_back_days": source.look_back_days,
            "backfill": f"{DAYS_A_RUN} days a run",
        },
    )


def _description(source: Source) -> str:
    """What the upstream is, where and how politely it is asked, and whether by default."""
    where = ", ".join(source.hosts).replace("*", "the addresses on the watchlist")
    pace = f"at most {source.pace.requests_per_minute} times a minute a host"
    off = "" if source.is_default else " Off by default: name it with --source, or materialise it here."
    return (
        f"{source.description}\n\nAsked at {where}: without a key, {pace}. What it answers is kept as it "
        f"came, then read.{off}"
    )


def _check_spec(source: Source) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name=check_name(source.name),
        asset=upstream_key(source.name),
        blocking=False,
        description="Every request was answered with something that can be read. What is missing is asked "
        "for again by the next runs.",
    )


def _last_answers(home: Home, result: "FetchResult") -> list[dict[str, object]]:
    from ingestion.captures import captures_of

    kept = [capture for report in result.days for capture in captures_of(home, result.source, report.day)]
    return [
        {
            "day": capture.day,
            "url": capture.request.url,
            "status": capture.status,
            "bytes": capture.size_bytes,
            "fetched_at": capture.fetched_at.isoformat(timespec="seconds"),
            "refused": capture.refused,
        }
        for capture in sorted(kept, key=lambda capture: capture.fetched_at)[-PREVIEW_ROWS:]
    ]


def _not_asked(result: "FetchResult", partitions: Window | None) -> tuple[str, ...]:
    """What is wrong with partitions of which nothing could be asked: they must not look as if they had."""
    if partitions is None or result.days or result.problem:
        return ()
    days = f"{partitions.first} to {partitions.last}"
    return (f"{result.source} ({days}): there is nothing to ask for these days; it only knows later ones.",)


def _materialized(home: Home, result: "FetchResult", partitions: Window | None) -> dg.MaterializeResult:
    missing = (*result.missing, *_not_asked(result, partitions))
    days = [
        {
            "day": report.day,
            "state": report.state.value,
            "requests": report.requests,
            "failed": report.failed,
            "not there": report.gaps,
            "reason": report.reason,
        }
        for report in result.days
    ]
    check = dg.AssetCheckResult(
        check_name=check_name(result.source),
        asset_key=upstream_key(result.source),
        passed=not missing,
        severity=dg.AssetCheckSeverity.ERROR,
        description="\n".join(missing) or "Every request was answered.",
    )
    return dg.MaterializeResult(
        asset_key=upstream_key(result.source),
        metadata={
            "dagster/row_count": result.answers,
            "preview": table(_last_answers(home, result), empty="No answers."),
            "days": table(days, empty="There was nothing to ask for these days."),
            "requests": result.requests,
            "unchanged": result.unchanged,
            "new_receipts": len(result.receipts),
            "bytes_received": result.bytes_received,
            "network_seconds": round(result.network_seconds, 3),
            "waiting_seconds": round(result.waiting_seconds, 3),
            "reading_seconds": round(result.reading_seconds, 3),
        },
        check_results=[check],
    )


def missing_windows(instance: dg.DagsterInstance, run_id: str) -> Sequence[str]:
    """What the upstreams of a run failed to answer, a line each."""
    connection = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = (record.event_log_entry.dagster_event for record in connection.records)
    evaluations = [event.asset_check_evaluation_data for event in events if event]
    ours = {dg.AssetCheckKey(upstream_key(name), check_name(name)) for name in SOURCES}
    failed = [e for e in evaluations if e.asset_check_key in ours and not e.passed]
    return [line for evaluation in failed for line in (evaluation.description or "").splitlines()]


def unasked_sources(instance: dg.DagsterInstance, run_id: str) -> Sequence[str]:
    """The upstreams of a run that had nothing to be asked for its days, in the order of the registry."""
    connection = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    materializations = [record.event_log_entry.asset_materialization for record in connection.records]
    unasked = {m.asset_key for m in materializations if m and m.metadata.get("requests") == NO_REQUESTS}
    return [name for name in SOURCES if upstream_key(name) in unasked]
