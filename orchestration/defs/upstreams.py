"""One asset a live upstream: asked over the network, its answers kept, its receipts left for the raw tables.

All of them are one step, so that they are asked side by side; any of them can be asked alone. One that fails
fails alone: it has a failed check that names the missing days, the others and all that follows go on, and the
next run asks for those days again. None of this is part of the main job, which stays offline.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from ingestion.errors import SettingError
from ingestion.source import Source, Window
from ingestion.sources import SOURCES
from orchestration.defs.received import WATCHLIST
from orchestration.installation import Clock, Installation, Network
from orchestration.presentation import OWNERS, table

if TYPE_CHECKING:
    from ingestion.fetch import FetchResult

GROUP = "upstreams"
STEP = "fetch_upstreams"
NO_REQUESTS = dg.MetadataValue.int(0)


class LiveConfig(dg.Config):
    """The days to ask for, both included, as `2025-01-13`; empty: today, in each upstream's own zone."""

    first: str = ""
    last: str = ""

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
        sources = [s for s in SOURCES.values() if upstream_key(s.name) in context.selected_asset_keys]
        with network.client() as client:
            for result in fetch_all(
                home,
                sources,
                config.window(),
                watchlist=installation.parsed_watchlist(),
                client=client,
                now=clock.now,
            ):
                for line in result.missing:
                    context.log.warning(line)
                yield _materialized(result)

    return fetch_upstreams


def _asset_spec(source: Source) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=upstream_key(source.name),
        deps=[WATCHLIST],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"http"},
        description=_description(source),
        metadata={
            "tables": list(source.tables),
            "hosts": list(source.hosts),
            "requests_per_minute": source.pace.requests_per_minute,
            "day_zone": source.day_zone,
            "look_back_days": source.look_back_days,
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


def _materialized(result: "FetchResult") -> dg.MaterializeResult:
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
        passed=not result.missing,
        severity=dg.AssetCheckSeverity.ERROR,
        description="\n".join(result.missing) or "Every request was answered.",
    )
    return dg.MaterializeResult(
        asset_key=upstream_key(result.source),
        metadata={
            "days": table(days, empty="There was nothing to ask for these days."),
            "requests": result.requests,
            "answers": result.answers,
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
