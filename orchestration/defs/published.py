"""The end of the way: the file that analysts open, switched to a new version in one step."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ingestion.effects import locked
from ingestion.errors import PublishError
from orchestration import upkeep
from orchestration.defs.automation import FOLLOWS_ITS_INPUTS
from orchestration.defs.warehouse import WAREHOUSE
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, Group, schema, table
from orchestration.warehouse_file import put_aside_if_damaged

GROUP = Group.PUBLISHED
PUBLISHED = dg.AssetKey("observatory")


def published_asset(public: Sequence[str], days: Mapping[str, str]) -> dg.AssetsDefinition:
    """The published database, made of the public models; `days` are the columns of those built by day."""

    @dg.asset(
        key=PUBLISHED,
        deps=[dg.AssetKey(name) for name in public],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"duckdb", "parquet"},
        automation_condition=FOLLOWS_ITS_INPUTS,
        description="`observatory.duckdb` with the public marts, and a Parquet file each. Readers that "
        "have it open keep their version; new ones see the new one.",
        metadata={
            "dagster/column_schema": schema(table="A public mart, in schema `marts`.", rows="Its rows.")
        },
    )
    def observatory(installation: Installation, clock: Clock) -> dg.MaterializeResult:
        from orchestration.publish import publish

        home = installation.folders()
        with locked(home, WAREHOUSE):
            try:
                publication = publish(home, public, clock.now(), days=days)
            except PublishError as error:
                if damaged := put_aside_if_damaged(home, clock.now(), thoroughly=True):
                    again = "Run again; readers keep the state that they have"
                    raise PublishError(damaged.rstrip("."), source="publish", remedy=again) from error
                raise
            upkeep.published(home)
        metadata: Mapping[str, Any] = {
            "version": publication.version,
            "is_new_version": publication.created,
            "database": dg.MetadataValue.path(str(home.published_database)),
            "parquet": dg.MetadataValue.path(str(home.published_parquet)),
            "dagster/row_count": sum(table.rows for table in publication.tables),
            "preview": table(({"table": t.name, "rows": t.rows} for t in publication.tables), empty="None."),
        }
        return dg.MaterializeResult(metadata=metadata)

    return observatory
