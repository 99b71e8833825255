"""Assets at the start of the way: what was received and kept, before anything reads it."""

from itertools import islice

import dagster as dg

from ingestion.settings import CASES
from ingestion.space import full_disk_told
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, PREVIEW_ROWS, Group, schema, table

GROUP = Group.RECEIVED
INBOX = dg.AssetKey("inbox")
WATCHLIST = dg.AssetKey("watchlist")
RELEASED = dg.AssetKey("released_from_quarantine")
"""What a person let out of quarantine (`orchestration.defs.quarantine`)."""
READ_AGAIN = dg.AssetKey("read_again_from_archive")
"""Answers that are read once more from the archive (`orchestration.defs.again`)."""


class InboxConfig(dg.Config):
    """Which bundled cases are received beside what lies in the inbox."""

    cases: list[str] = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


@dg.asset(
    key=INBOX,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"file"},
    description="Files and case folders that were dropped in the inbox, and the bundled cases: kept in the "
    "archive as received, each with a receipt for the table that it is meant for.",
    metadata={
        "dagster/column_schema": schema(
            file="Name of the file.",
            table="The raw table that it is meant for.",
            source="Where it came from.",
            sha256="Names its bytes in the archive.",
        )
    },
)
def inbox(config: InboxConfig, installation: Installation, clock: Clock) -> dg.MaterializeResult:
    from ingestion.inbox import receive_inbox, receive_path, rejections, waiting

    home = installation.folders()
    started = clock.now()
    with full_disk_told(home, "inbox"):
        received = receive_inbox(home, clock.now)
        for case in config.cases:
            received += receive_path(home, installation.case(case), clock.now, once=True)
    not_taken = [{"file": r.file_name, "reason": r.reason} for r in rejections(home, started)]
    receipts = [
        {"file": r.file_name, "table": r.table_name, "source": r.source, "sha256": r.digest} for r in received
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(received),
            "inbox": dg.MetadataValue.path(str(home.inbox)),
            "preview": table(receipts, empty="Nothing new."),
            "not_taken": table(not_taken, empty="Everything could be taken."),
            "still_being_written": ", ".join(waiting(home)) or "nothing",
        }
    )


@dg.asset(
    key=WATCHLIST,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"yaml"},
    description="`watchlist.yaml`: the platforms, apps, companies, names and episodes that are watched.",
    metadata={
        "dagster/column_schema": schema(
            platform_id="Names the platform everywhere.",
            name="What people call it.",
            apps="In how many stores it is watched.",
            aliases="By how many names news are searched for it.",
        )
    },
)
def watchlist(installation: Installation, clock: Clock) -> dg.MaterializeResult:
    from ingestion.inbox import receive_watchlist

    path = installation.watchlist_path()
    parsed = installation.parsed_watchlist()  # first: a watchlist that says nonsense is not received
    watched = parsed.ids()
    home = installation.folders()
    with full_disk_told(home, path.name):
        received = receive_watchlist(home, path, clock.now)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(watched.platforms),
            "received": len(received),
            "preview": table(
                (
                    {"platform_id": id, "name": p.name, "apps": len(p.apps), "aliases": len(p.aliases)}
                    for id, p in islice(parsed.platforms.items(), PREVIEW_ROWS)
                ),
                empty="Nothing is watched.",
            ),
            "file": dg.MetadataValue.path(str(path)),
            "platforms": len(watched.platforms),
            "companies": len(watched.companies),
            "episodes": len(watched.episodes),
        }
    )
