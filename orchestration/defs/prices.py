"""The check that tells of which sessions a price is missing."""

import dagster as dg

from orchestration.defs.lake import raw_key
from orchestration.installation import Installation
from orchestration.presentation import table

CHECK = "price_bars_lack_sessions"


@dg.asset_check(
    asset=raw_key("price_bars"),
    name=CHECK,
    blocking=False,
    description="The newest series of each symbol has a price for every session of its exchange between "
    "the series' first and last. Holidays are no gaps. Returns over a gap stay empty.",
)
def price_bars_lack_sessions(installation: Installation) -> dg.AssetCheckResult:
    """Warns; an upstream that leaves a session out stops nothing."""
    from ingestion.price_gaps import gaps_in_lake

    home = installation.folders()
    found = gaps_in_lake(home, home.dagster / "checks" / f"{CHECK}.json")
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(gap.line for gap in found) or "No session lacks a price.",
        metadata={
            "series_with_gaps": len(found),
            "missing_sessions": sum(len(gap.missing) for gap in found),
            "gaps": table(
                (
                    {
                        "exchange": gap.exchange,
                        "symbol": gap.symbol,
                        "seen": gap.vintage_date,
                        "first": gap.first,
                        "last": gap.last,
                        "missing": len(gap.missing),
                        "sessions": gap.problem or ", ".join(gap.missing),
                    }
                    for gap in found
                ),
                empty="None.",
            ),
        },
    )
