"""The dbt models as assets, with lineage to the raw tables, and dbt's tests as their checks.

The specs are read from dbt's manifest here, and not by `dagster-dbt`, whose import alone takes longer than
that of Dagster, and which would start a second process for dbt.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ingestion.effects import locked
from orchestration import upkeep
from orchestration.dbt import NodeResult, build
from orchestration.installation import Installation
from orchestration.presentation import OWNERS, PREVIEW_ROWS, table

WAREHOUSE = "warehouse"
"""The lock that whatever writes or copies the warehouse file holds: one process at a time may open it. It is
the kernel's and no Dagster pool, whose slot a killed process would keep for ever."""


class BuildConfig(dg.Config):
    """Whether to build although the lake and the project are as they were at the last publish."""

    even_if_current: bool = False


Node = Mapping[str, Any]
"""A node of dbt's manifest."""

ASSET_KINDS = ("model", "seed", "snapshot")


def asset_nodes(manifest: Mapping[str, Any]) -> dict[str, Node]:
    """Nodes that become tables or views, by unique id."""
    return {uid: node for uid, node in manifest["nodes"].items() if node["resource_type"] in ASSET_KINDS}


def public_models(manifest: Mapping[str, Any]) -> list[str]:
    """Names of the models that analysts may read."""
    return sorted(node["name"] for node in asset_nodes(manifest).values() if node.get("access") == "public")


def asset_key(node: Node) -> dg.AssetKey:
    """Sources are `raw/<table>`, models their own name: table, file and asset share it."""
    if node["resource_type"] == "source":
        return dg.AssetKey([node["source_name"], node["name"]])
    return dg.AssetKey(node["name"])


def asset_spec(node: Node, manifest: Mapping[str, Any]) -> dg.AssetSpec:
    """The asset of a node: its layer is its group, its columns are its schema."""
    parents = [uid for uid in node["depends_on"].get("nodes", []) if not uid.startswith("test.")]
    known = {**manifest["nodes"], **manifest["sources"]}
    is_python = node.get("language") == "python"
    columns = [
        dg.TableColumn(name, column.get("data_type") or "", column.get("description") or "")
        for name, column in node["columns"].items()
    ]
    return dg.AssetSpec(
        key=asset_key(node),
        deps=[asset_key(known[uid]) for uid in parents],
        description=node["description"],
        group_name=layer(node, manifest),
        owners=OWNERS,
        kinds={"dbt", "duckdb", "python" if is_python else node["config"]["materialized"]},
        code_version=node["checksum"]["checksum"],
        tags={f"area/{tag}": "" for tag in node["tags"]},
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/relation_identifier": f"{node['schema']}.{node['alias']}",
            "sql": dg.MetadataValue.path(f"dbt_project/{node['original_file_path']}"),
        },
        skippable=True,
    )


def layer(node: Node, manifest: Mapping[str, Any]) -> str:
    """The stretch of the way that a node stands in.

    Seeds stand with staging, and an intermediate model that reads a mart with the marts, so that lineage
    between layers has one direction.
    """
    if node["resource_type"] != "model":
        return "staging"
    parents = [uid for uid in node["depends_on"]["nodes"] if uid in manifest["nodes"]]
    above = {layer(manifest["nodes"][uid], manifest) for uid in parents}
    own: str = node["fqn"][1]
    return "marts" if "marts" in above else own


def check_specs(manifest: Mapping[str, Any]) -> dict[str, dg.AssetCheckSpec]:
    """Dbt's tests as checks of the models that they are attached to, by the test's unique id."""
    nodes = asset_nodes(manifest)
    return {
        uid: dg.AssetCheckSpec(
            name=test["name"],
            asset=asset_key(nodes[test["attached_node"]]),
            description=test["description"] or None,
            blocking=test["config"]["severity"].lower() == "error",
        )
        for uid, test in manifest["nodes"].items()
        if test["resource_type"] == "test" and test.get("attached_node") in nodes
    }


def warehouse_asset(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """All dbt models, built in one invocation."""
    nodes = asset_nodes(manifest)
    keys = {uid: asset_key(node) for uid, node in nodes.items()}
    checks = check_specs(manifest)

    @dg.multi_asset(
        name="dbt_build",
        specs=[asset_spec(node, manifest) for node in nodes.values()],
        check_specs=list(checks.values()),
        can_subset=True,
    )
    def dbt_build(
        context: dg.AssetExecutionContext, config: BuildConfig, installation: Installation
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        home = installation.folders()
        selected = [uid for uid, key in keys.items() if key in context.selected_asset_keys]
        is_whole = len(selected) == len(keys)
        state = upkeep.fingerprint(home, manifest)
        if is_whole and not config.even_if_current and upkeep.marts_are_current(home, state):
            context.log.info("Nothing that the marts are made from has changed: they stay as published.")
            return
        with locked(home, WAREHOUSE):
            upkeep.build_begins(home)
            results = build(home, [nodes[uid]["name"] for uid in selected])
            shown = _shown(home.warehouse, [nodes[uid] for uid in selected])
            if is_whole and all(result.is_good for result in results):
                upkeep.build_ended(home, state)
        for result in results:
            if result.unique_id in keys and result.is_good:
                metadata = _metadata(result, shown.get(result.unique_id))
                yield dg.MaterializeResult(asset_key=keys[result.unique_id], metadata=metadata)
            elif result.unique_id in checks and result.status != "skipped":
                yield _check_result(checks[result.unique_id], result)
        _raise_for(results)

    return dbt_build


def _raise_for(results: Sequence[NodeResult]) -> None:
    bad = [result for result in results if not result.is_good and result.status != "skipped"]
    if bad:
        listing = "\n".join(f"{result.unique_id}: {result.status}: {result.message}" for result in bad)
        raise dg.Failure(f"{len(bad)} dbt nodes failed, and nothing was published.\n{listing}")


def _check_result(spec: dg.AssetCheckSpec, result: NodeResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=result.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if result.status == "warn" else dg.AssetCheckSeverity.ERROR,
        description=result.message or None,
        metadata={"failing_rows": result.failures or 0},
    )


def _metadata(result: NodeResult, shown: tuple[int, list[dict[str, object]]] | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"seconds": round(result.seconds, 3)}
    if shown:
        metadata |= {"dagster/row_count": shown[0], "preview": table(shown[1], empty="No rows.")}
    return metadata


def _shown(warehouse: Path, nodes: Sequence[Node]) -> dict[str, tuple[int, list[dict[str, object]]]]:
    """Row count and first rows of every table among `nodes`, read in one connection."""
    import duckdb

    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        listing = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        return {
            node["unique_id"]: _table_facts(connection, f'"{node["schema"]}"."{node["alias"]}"')
            for node in nodes
            if (node["schema"], node["alias"]) in listing
        }


def _table_facts(connection: Any, relation: str) -> tuple[int, list[dict[str, object]]]:
    (rows,) = connection.execute(f"select count(*) from {relation}").fetchall()[0]
    cursor = connection.execute(f"select * from {relation} limit {PREVIEW_ROWS}")
    names = [column[0] for column in cursor.description]
    return rows, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
