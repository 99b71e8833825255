"""From the archive once more: the asset and the job that read again what upstreams have answered."""

from datetime import date
from typing import Any

import dagster as dg

from ingestion.errors import SettingError
from ingestion.source import Window
from ingestion.sources import SOURCES
from orchestration.defs.health import COMPARISONS
from orchestration.defs.received import READ_AGAIN, RELEASED
from orchestration.defs.upstreams import GROUP as UPSTREAMS
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, Group, schema, table

AGAIN_JOB = "read_archive_again_load_check_model_publish"
MAX_RUNTIME_SECONDS = 4 * 3600


class AgainConfig(dg.Config):
    """Which sources to read again, and the days, both included, as `2025-01-13`."""

    sources: list[str]
    first: str
    last: str

    def window(self) -> Window:
        """The days. Raises `SettingError`, also for a source that is not known."""
        unknown = [name for name in self.sources if name not in SOURCES]
        try:
            window = Window(date.fromisoformat(self.first), date.fromisoformat(self.last))
        except ValueError as error:
            raise _wrong(
                f"{self.first!r} to {self.last!r} are no days: {error}", "Use YYYY-MM-DD."
            ) from error
        if window.last < window.first:
            raise _wrong("the last day is before the first", "Exchange them.")
        if unknown:
            raise _wrong(f"no upstream is called {unknown[0]}", f"There are {', '.join(SOURCES)}.")
        return window


def _wrong(problem: str, remedy: str) -> SettingError:
    return SettingError(problem, source=READ_AGAIN.to_user_string(), remedy=remedy)


@dg.asset(
    key=READ_AGAIN,
    group_name=Group.RECEIVED,
    owners=OWNERS,
    kinds={"file"},
    description="Answers of upstreams that are read once more from the archive, without a network: after a "
    "reader was mended, or when names of a platform were added. Each day is then loaded like any other.",
    metadata={
        "dagster/column_schema": schema(
            source="The upstream.",
            days="Of how many days there are answers.",
            receipts="How many loads follow from them.",
            unreadable="Answers that cannot be read.",
        )
    },
)
def read_again_from_archive(
    context: dg.AssetExecutionContext, config: AgainConfig, installation: Installation, clock: Clock
) -> dg.MaterializeResult:
    from ingestion.fetch import reparse

    home, watchlist, window = installation.folders(), installation.parsed_watchlist(), config.window()
    told: list[dict[str, object]] = []
    for name in config.sources:
        received, unreadable = reparse(home, SOURCES[name], window, watchlist, clock.now)
        for capture in unreadable:
            context.log.warning(f"{name} ({capture.day}): {capture.refused} ({capture.request.url})")
        days = {receipt.day for receipt in received}
        told.append(
            {"source": name, "days": len(days), "receipts": len(received), "unreadable": len(unreadable)}
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(int(str(one["receipts"])) for one in told),
            "first": config.first,
            "last": config.last,
            "preview": table(told, empty="No source."),
        }
    )


again_job: Any = dg.define_asset_job(  # Dagster does not export the type of an asset job
    AGAIN_JOB,
    selection=dg.AssetSelection.all()
    - dg.AssetSelection.groups(UPSTREAMS)
    - dg.AssetSelection.assets(RELEASED)
    - COMPARISONS,
    description="A backfill from the archive, without a network: reads the answers of the named days again, "
    "then goes the whole way. Give the sources and the days in the launchpad.",
    tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
)
