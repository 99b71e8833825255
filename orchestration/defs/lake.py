"""One asset a raw table of the lake, each with one check: what its contract said of the last loads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from ingestion.contract import RawTable
from ingestion.effects import write_durably
from ingestion.settings import Home
from ingestion.space import full_disk_told
from ingestion.tables import RAW_TABLES, WATCHLIST_TABLES
from orchestration.defs.received import INBOX, READ_AGAIN, RELEASED, WATCHLIST
from orchestration.defs.upstreams import keys_for
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, PREVIEW_ROWS, Group, checks_of, column_schema, schema_of, table

if TYPE_CHECKING:
    from ingestion.archive import Receipt
    from ingestion.load import LoadResult

GROUP = Group.LAKE
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
    origins = {WATCHLIST} if raw.name in WATCHLIST_TABLES else {WATCHLIST, INBOX, RELEASED, READ_AGAIN}

    @dg.asset(
        key=key,
        deps=sorted({*origins, *keys_for(raw.name)}),
        group_name=GROUP,
        owners=OWNERS,
        kinds={"parquet"},
        description=f"{raw.description} Checked with Great Expectations before a row can be seen.",
        metadata={"dagster/column_schema": column_schema(raw), "checks": checks_of(key)},
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
    def load_table(
        context: dg.AssetExecutionContext, installation: Installation, clock: Clock
    ) -> dg.MaterializeResult:
        from ingestion.archive import receipts
        from ingestion.lake import count_rows, sample_rows
        from ingestion.load import load_pending

        home = installation.folders()
        with full_disk_told(home, key.to_user_string()):
            results = load_pending(home, raw.name, installation.watched(), clock.now)
        if results:
            context.log_event(_ledger_as_it_stands(home))
        missing = owed_and_missing(receipts(home, raw.name))
        memory = home.dagster / "checks" / f"{raw.name}.json"
        with full_disk_told(home, key.to_user_string()):
            checked = contract_check(raw.name, results, missing, memory)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": count_rows(home, raw),
                "new_loads": len(results),
                "loads": _loads_table(results),
                "preview": table(sample_rows(home, raw), empty="No rows."),
                "lake": dg.MetadataValue.path(str(home.lake / SCHEMA)),
                "data_docs": dg.MetadataValue.path(str(home.data_docs / "index.html")),
            },
            check_results=[checked],
        )

    return load_table


def _ledger_as_it_stands(home: Home) -> dg.AssetMaterialization:
    from ingestion.loads import LEDGER_COLUMNS, read_loads

    records = read_loads(home)
    newest = [
        {column.name: getattr(record, column.name) for column in LEDGER_COLUMNS}
        for record in records[: -PREVIEW_ROWS - 1 : -1]
    ]
    metadata: dict[str, Any] = {
        "dagster/row_count": len(records),
        "preview": table(newest, empty="No loads."),
        "data_docs": dg.MetadataValue.path(str(home.data_docs / "index.html")),
    }
    return dg.AssetMaterialization(LOADS, metadata=metadata)


def owed_and_missing(received: Sequence["Receipt"]) -> list[str]:
    """Sources that owe a batch, and whose last one was not let in. `received` is in order, oldest first."""
    last = {receipt.source: receipt for receipt in received if receipt.owns_all_days}
    return [source for source, receipt in last.items() if receipt.verdict not in LET_IN]


def contract_check(
    table_name: str, results: Sequence["LoadResult"], missing: Sequence[str], memory: Path
) -> dg.AssetCheckResult:
    """One check result for all loads of a run; where nothing was new, that of the last run with loads.

    Passes when every row of every load was published. An ERROR, which blocks, says that the last batch of
    a source in `missing`, which owes it, was held back, in this run or an earlier one. A WARNING says that
    rows, or a file that somebody dropped, went to quarantine: the lake is whole without them. `memory` is
    the file that keeps what is shown until the next load.
    """
    if results:
        shown = _summary(results)
        write_durably(memory, json.dumps(shown, default=str).encode())
    else:
        shown = json.loads(memory.read_bytes()) if memory.exists() else _summary([])
    held = [f"The last batch of {source} was held back; see its load in `loads`." for source in missing]
    return dg.AssetCheckResult(
        passed=shown["passed"] and not missing,
        check_name=check_name(table_name),
        asset_key=raw_key(table_name),
        severity=dg.AssetCheckSeverity.ERROR if missing else dg.AssetCheckSeverity.WARN,
        description=" ".join([*held, *shown["reasons"]]) or "Every row of every load was published.",
        metadata={
            "rules": table(shown["rules"], empty="Nothing was ever loaded."),
            "failing_rows_sample": table(shown["sample"], empty="No failing rows."),
            **shown["counts"],
        },
    )


def _summary(results: Sequence["LoadResult"]) -> dict[str, Any]:
    """What a check shows of loads, as plain values."""
    records = [result.record for result in results]
    broken = [rule for result in results for rule in result.rules if not rule.passed]
    whole = all(record.verdict == "published" for record in records)
    return {
        "passed": whole and all(rule.severity == "info" for rule in broken),
        "reasons": [record.reason for record in records if record.reason],
        "rules": [
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
        ],
        "sample": [{"file": result.record.file_name, **row} for result in results for row in result.sample],
        "counts": {
            "rows_in": sum(record.rows_in for record in records),
            "rows_published": sum(record.rows_published for record in records),
            "rows_quarantined": sum(record.rows_quarantined for record in records),
        },
    }


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
                "data docs": str(result.data_docs or ""),
            }
            for result, r in zip(results, records, strict=True)
        ),
        empty="Nothing new.",
    )


def lake_assets() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Every raw table, and the ledger of loads, which every load writes by itself."""
    from ingestion.loads import LEDGER_COLUMNS

    ledger = dg.AssetSpec(
        key=LOADS,
        deps=[INBOX],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"parquet"},
        description="One row per load: what, when, from where, with what verdict, also when it failed.",
        metadata={"dagster/column_schema": schema_of(LEDGER_COLUMNS)},
    )
    return [*(raw_table_asset(raw) for raw in RAW_TABLES.values()), ledger]
