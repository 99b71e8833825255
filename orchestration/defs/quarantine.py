"""Quarantine with a way back: what waits for a person, and the job that releases it."""

import dagster as dg
from pydantic import Field

from ingestion.tables import RAW_TABLES
from orchestration.defs.health import COMPARISONS
from orchestration.defs.lake import raw_key
from orchestration.defs.received import INBOX, READ_AGAIN, RELEASED, WATCHLIST
from orchestration.defs.upstreams import GROUP as UPSTREAMS
from orchestration.installation import OFFLINE, Clock, Installation
from orchestration.presentation import OWNERS, Group, schema, table

QUARANTINE = dg.AssetKey("quarantine")
RELEASE_JOB = "release_quarantined_batch"
MAX_RUNTIME_SECONDS = 3600
SHOWN_ROWS = 20
ROW_CHARACTERS = 500


class ReleaseConfig(dg.Config):
    """What to release: the table and load that the asset `quarantine` lists.

    `rows`: numbers of single rows; none means all that are open, or all of the file. `corrections`: the path
    of a corrected file, as `observatory quarantine correct` writes it; empty means as they were given.
    """

    table: str
    load_id: str
    rows: list[int] = Field(default_factory=list)
    corrections: str = ""


@dg.asset(
    key=RELEASED,
    group_name=Group.RECEIVED,
    owners=OWNERS,
    kinds={"file"},
    description="Rows and batches that a person let out of quarantine, corrected or as they were. Received "
    "like any file: the raw tables check them again before a row can be seen.",
    metadata={
        "dagster/column_schema": schema(
            row_number="Number of the row in the load that it is released from.",
            reasons="Why it was kept back.",
            row="What was given.",
        )
    },
)
def released_from_quarantine(
    config: ReleaseConfig, installation: Installation, clock: Clock
) -> dg.MaterializeResult:
    from pathlib import Path

    from ingestion.errors import QuarantineError
    from ingestion.release import release
    from ingestion.waiting import rows_of_load, table_of

    home = installation.folders()
    there = table_of(home, config.load_id)
    if there != config.table:
        raise QuarantineError(
            f"load {config.load_id} is one of {there}",
            source=config.table,
            remedy="Give the table and the load as the asset `quarantine` lists them.",
        )
    corrected = Path(config.corrections).expanduser() if config.corrections else None
    receipt = release(home, config.load_id, clock.now, rows=config.rows, corrected=corrected)
    chosen = [
        {"row_number": row.row_number, "reasons": "; ".join(row.reasons), "row": row.row[:ROW_CHARACTERS]}
        for row in rows_of_load(home, there, config.load_id)
        if not config.rows or row.row_number in config.rows
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(chosen),
            "releases": config.load_id,
            "load": receipt.load_id,
            "source": receipt.source,
            "corrections": config.corrections or "none: as they were given",
            "preview": table(chosen[:SHOWN_ROWS], empty="A batch whose rows were never read."),
        }
    )


@dg.asset(
    key=QUARANTINE,
    deps=[raw_key(name) for name in RAW_TABLES],
    group_name=Group.QUARANTINE,
    owners=OWNERS,
    kinds={"parquet"},
    description="Rows and batches that broke a contract and wait for a person, each with the reason. "
    f"Released by the job `{RELEASE_JOB}` or by `observatory quarantine`. What waits is never deleted; what "
    "was released, discarded or superseded is, after OBSERVATORY_KEEP_QUARANTINE_DAYS.",
    metadata={
        "dagster/column_schema": schema(
            table="The raw table that it was meant for.",
            load_id="The load that left it here.",
            source="Where that load came from.",
            file="The file that was read.",
            what="`batch`: held back as a whole. `rows`: single rows.",
            rows="How many rows wait.",
            since="When they were received.",
            reasons="Which rules they break, with the number of rows.",
        )
    },
)
def quarantine(installation: Installation) -> dg.MaterializeResult:
    from ingestion.waiting import open_items, open_rows

    home = installation.folders()
    items = open_items(home)
    sample = [
        {
            "table": item.table_name,
            "load_id": item.load_id,
            "row_number": row.row_number,
            "reasons": "; ".join(row.reasons),
            "row": row.row[:ROW_CHARACTERS],
        }
        for item in items[:SHOWN_ROWS]
        for row in open_rows(home, item)[: max(1, SHOWN_ROWS // len(items))]
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(item.rows for item in items),
            "open_items": len(items),
            "preview": table(
                (
                    {
                        "table": item.table_name,
                        "load_id": item.load_id,
                        "source": item.receipt.source,
                        "file": item.receipt.file_name,
                        "what": "batch" if item.is_batch else "rows",
                        "rows": item.rows,
                        "since": item.received_at.isoformat(timespec="seconds"),
                        "reasons": "; ".join(item.reasons),
                    }
                    for item in items
                ),
                empty="Nothing waits.",
            ),
            "rows_sample": table(sample, empty="Nothing waits."),
            "data_docs": dg.MetadataValue.path(str(home.data_docs / "index.html")),
            "folder": dg.MetadataValue.path(str(home.quarantine)),
        }
    )


release_job = dg.define_asset_job(
    RELEASE_JOB,
    selection=dg.AssetSelection.all()
    - dg.AssetSelection.groups(UPSTREAMS)
    - dg.AssetSelection.assets(INBOX, WATCHLIST, READ_AGAIN)
    - COMPARISONS,
    description="Lets rows or a batch out of quarantine, corrected or as they are, and goes the rest of the "
    f"way: check again, load, model and publish. Configure `{RELEASED.to_user_string()}` with the table and "
    "the load that the asset `quarantine` lists.",
    tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)} | OFFLINE,
)
