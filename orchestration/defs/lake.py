"""One asset a raw table of the lake, each with one check: what its contract said of the last loads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from ingestion.contract import RawTable
from ingestion.tables import RAW_TABLES, WATCHLIST_TABLES
from orchestration.defs.received import INBOX, WATCHLIST
from orchestration.defs.upstreams import keys_for
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, column_schema, file_link, table

if TYPE_CHECKING:
    from ingestion.archive import Receipt
    from ingestion.load import LoadResult

GROUP = "lake"
SCHEMA = "raw"
LOADS = dg.AssetKey([SCHEMA, "loads"])
LET_IN = ("published", "published_with_quarantine")


def raw_key(table_name: str) -> dg.AssetKey:
    """The key that the asset shares with the dbt source."""
    return dg.AssetKey([SCHEMA, table_name])


def check_name(table_name: str) -> str:
    """The sentence that a failing check says."""
    return f"{table_name}_breaks_its_contract"


def raw_table_asset(raw: RawTable) -> dg.AssetsDefinition:
    """The asset that loads what was received for `raw`."""
    key = raw_key(raw.name)
    origin = WATCHLIST if raw.name in WATCHLIST_TABLES else INBOX

    @dg.asset(
        key=key,
        deps=sorted({origin, WATCHLIST, *keys_for(raw.name)}),
        group_name=GROUP,
        owners=OWNERS,
        kinds={"parquet"},
        description=f"{raw.description} Checked with Great Expectations before a row can be seen.",
        metadata={"dagster/column_schema": column_schema(raw)},
        check_specs=[
            dg.AssetCheckSpec(
                name=check_name(raw.name),
                asset=key,
                blocking=True,
                description="Types, key, allowed values and the table's own rules, on each load. A batch "
                "that a case owes and that is held back stops what follows; one of an upstream does not.",
            )
        ],
    )
    def load_table(installation: Installation, clock: Clock) -> dg.MaterializeResult:
        from ingestion.archive import receipts
        from ingestion.lake import count_rows, sample_rows
        from ingestion.load import load_pending

        home = installation.folders()
        results = load_pending(home, raw.name, installation.watched(), clock.now)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": count_rows(home, raw),
                "new_loads": len(results),
                "loads": _loads_table(results),
                "preview": table(sample_rows(home, raw), empty="No rows."),
                "lake": dg.MetadataValue.path(str(home.lake / SCHEMA)),
                "data_docs": file_link(home.data_docs / "index.html"),
            },
            check_results=[contract_check(raw.name, results, owed_and_missing(receipts(home, raw.name)))],
        )

    return load_table


def owed_and_missing(received: Sequence["Receipt"]) -> list[str]:
    """Sources that owe a batch, and whose last one was not let in. `received` is in order, oldest first."""
    last = {receipt.source: receipt for receipt in received if receipt.owns_all_days}
    return [source for source, receipt in last.items() if receipt.verdict not in LET_IN]


def contract_check(
    table_name: str, results: Sequence["LoadResult"], missing: Sequence[str]
) -> dg.AssetCheckResult:
    """One check result for all loads of a run.

    Passes when every row of every load was published. An ERROR, which blocks, says that the last batch of
    a source in `missing`, which owes it, was held back, in this run or an earlier one. A WARNING says that
    rows, or a file that somebody dropped, went to quarantine: the lake is whole without them.
    """
    whole = all(result.record.verdict == "published" for result in results)
    warned = any(not rule.passed and rule.severity != "info" for result in results for rule in result.rules)
    reasons = [f"The last batch of {source} was held back; see its load in `loads`." for source in missing]
    reasons += [result.record.reason for result in results if result.record.reason]
    return dg.AssetCheckResult(
        passed=whole and not warned and not missing,
        check_name=check_name(table_name),
        asset_key=raw_key(table_name),
        severity=dg.AssetCheckSeverity.ERROR if missing else dg.AssetCheckSeverity.WARN,
        description=" ".join(reasons) or "Every row of every load was published.",
        metadata={
            "rules": _rules_table(results),
            "failing_rows_sample": _sample_table(results),
            "rows_in": sum(result.record.rows_in for result in results),
            "rows_published": sum(result.record.rows_published for result in results),
            "rows_quarantined": sum(result.record.rows_quarantined for result in results),
        },
    )


def _loads_table(results: Sequence["LoadResult"]) -> dg.MetadataValue:
    records = [result.record for result in results]
    return table(
        (
            {
                "load": r.load_id,
                "source": r.source,
                "file": r.file_name,
                "rows in": r.rows_in,
                "published": r.rows_published,
                "quarantined": r.rows_quarantined,
                "verdict": r.verdict.value,
                "reason": r.reason,
            }
            for r in records
        ),
        empty="Nothing new.",
    )


def _rules_table(results: Sequence["LoadResult"]) -> dg.MetadataValue:
    return table(
        (
            {
                "file": result.record.file_name,
                "what would be wrong": rule.rule,
                "severity": rule.severity,
                "scope": rule.scope,
                "holds": "yes" if rule.passed else "no",
                "failing rows": rule.failing_rows,
            }
            for result in results
            for rule in result.rules
        ),
        empty="Nothing new was loaded, so no rule was evaluated.",
    )


def _sample_table(results: Sequence["LoadResult"]) -> dg.MetadataValue:
    return table(
        ({"file": result.record.file_name, **failing} for result in results for failing in result.sample),
        empty="No failing rows.",
    )


def lake_assets() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Every raw table, and the ledger of loads, which every load writes by itself."""
    ledger = dg.AssetSpec(
        key=LOADS,
        deps=[INBOX],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"parquet"},
        description="One row per load: what, when, from where, with what verdict, also when it failed.",
    )
    return [*(raw_table_asset(raw) for raw in RAW_TABLES.values()), ledger]
