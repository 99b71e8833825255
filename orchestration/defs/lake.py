"""One asset a raw table of the lake, each with one check: what its contract said of the last loads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from ingestion.contract import RawTable
from ingestion.tables import RAW_TABLES, WATCHLIST_TABLES
from orchestration.defs.received import INBOX, WATCHLIST
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, column_schema, file_link, markdown_table, preview

if TYPE_CHECKING:
    from ingestion.load import LoadResult

GROUP = "lake"
SCHEMA = "raw"
LOADS = dg.AssetKey([SCHEMA, "loads"])


def raw_key(table_name: str) -> dg.AssetKey:
    """The key that the asset shares with the dbt source."""
    return dg.AssetKey([SCHEMA, table_name])


def check_name(table_name: str) -> str:
    """The sentence that a failing check says."""
    return f"{table_name}_breaks_its_contract"


def raw_table_asset(table: RawTable) -> dg.AssetsDefinition:
    """The asset that loads what was received for `table`."""
    key = raw_key(table.name)
    origin = WATCHLIST if table.name in WATCHLIST_TABLES else INBOX

    @dg.asset(
        key=key,
        deps=sorted({origin, WATCHLIST}),
        group_name=GROUP,
        owners=OWNERS,
        kinds={"parquet"},
        description=f"{table.description} Checked with Great Expectations before a row can be seen.",
        metadata={"dagster/column_schema": column_schema(table)},
        check_specs=[
            dg.AssetCheckSpec(
                name=check_name(table.name),
                asset=key,
                blocking=True,
                description="Types, key, allowed values and the table's own rules, on each load. A batch "
                "that a case or an upstream owes and that is held back stops what follows.",
            )
        ],
    )
    def load_table(installation: Installation, clock: Clock) -> dg.MaterializeResult:
        from ingestion.lake import count_rows, sample_rows
        from ingestion.load import load_pending

        home = installation.folders()
        results = load_pending(home, table.name, installation.watched(), clock.now)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": count_rows(home, table),
                "new_loads": len(results),
                "loads": dg.MetadataValue.md(_loads_table(results)),
                "preview": preview(sample_rows(home, table)),
                "lake": dg.MetadataValue.path(str(home.lake / SCHEMA)),
                "data_docs": file_link(home.data_docs / "index.html"),
            },
            check_results=[contract_check(table.name, results)],
        )

    return load_table


def contract_check(table_name: str, results: Sequence["LoadResult"]) -> dg.AssetCheckResult:
    """One check result for all loads of a run.

    Passes when every row of every load was published. An ERROR, which blocks, says that a batch which a
    case or an upstream owes is missing. A WARNING says that rows, or a file that somebody dropped, went
    to quarantine: the lake is whole without them.
    """
    broken = [rule for result in results for rule in result.rules if not rule.passed]
    passed = all(result.record.verdict == "published" for result in results)
    blocks = any(result.is_owed and result.record.verdict in {"held", "failed"} for result in results)
    reasons = [result.record.reason for result in results if result.record.reason]
    warning = not passed or any(rule.severity != "info" for rule in broken)
    return dg.AssetCheckResult(
        passed=not (blocks or warning),
        check_name=check_name(table_name),
        asset_key=raw_key(table_name),
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=" ".join(reasons) or ("Every row of every load was published." if passed else None),
        metadata={
            "rules": dg.MetadataValue.md(_rules_table(results)),
            "failing_rows_sample": dg.MetadataValue.md(_sample_table(results)),
            "rows_in": sum(result.record.rows_in for result in results),
            "rows_published": sum(result.record.rows_published for result in results),
            "rows_quarantined": sum(result.record.rows_quarantined for result in results),
        },
    )


def _loads_table(results: Sequence["LoadResult"]) -> str:
    header = ("load", "source", "file", "rows in", "published", "quarantined", "verdict", "reason")
    records = [result.record for result in results]
    return markdown_table(
        header,
        [
            (
                r.load_id,
                r.source,
                r.file_name,
                r.rows_in,
                r.rows_published,
                r.rows_quarantined,
                r.verdict,
                r.reason,
            )
            for r in records
        ],
    )


def _rules_table(results: Sequence["LoadResult"]) -> str:
    header = ("load", "what would be wrong", "severity", "scope", "holds", "failing rows")
    return markdown_table(
        header,
        [
            (
                result.record.load_id,
                rule.rule,
                rule.severity,
                rule.scope,
                "yes" if rule.passed else "no",
                rule.failing_rows,
            )
            for result in results
            for rule in result.rules
        ],
    )


def _sample_table(results: Sequence["LoadResult"]) -> str:
    rows = [
        (result.record.file_name, failing["row_number"], failing["reasons"], failing["row"])
        for result in results
        for failing in result.sample
    ]
    return markdown_table(("file", "row", "reasons", "content"), rows) if rows else "No failing rows."


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
    return [*(raw_table_asset(table) for table in RAW_TABLES.values()), ledger]
