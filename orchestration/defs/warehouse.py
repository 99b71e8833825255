"""The dbt models as assets, with lineage to the raw tables and dbt's tests as checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator

from orchestration.dbt import NodeResult, build, read_manifest
from orchestration.installation import Installation
from orchestration.presentation import OWNERS, PREVIEW_ROWS, preview

PUBLIC_SCHEMA = "marts"
WAREHOUSE_POOL = "warehouse"
"""Whatever writes or copies the warehouse file waits for this pool: one process at a time may open it."""


class Translator(DagsterDbtTranslator):
    """Asset keys, groups and owners of dbt nodes: the names of models, the layers, the team."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Sources are `raw/<table>`, models their own name: table, file and asset share it."""
        name = dbt_resource_props["name"]
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], name])
        return dg.AssetKey(name)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The layer: staging, intermediate, marts."""
        layer: str = dbt_resource_props["fqn"][1]
        return layer

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """One team owns all."""
        return OWNERS

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the model says of itself; its SQL is a link, not a description."""
        description: str = dbt_resource_props.get("description") or ""
        return description


def models(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Nodes that become tables or views, by unique id."""
    kinds = {"model", "seed", "snapshot"}
    return {uid: node for uid, node in manifest["nodes"].items() if node["resource_type"] in kinds}


def public_models(manifest: Mapping[str, Any]) -> list[str]:
    """Names of the models that analysts may read."""
    return sorted(
        node["name"]
        for node in models(manifest).values()
        if node["resource_type"] == "model" and node.get("access") == "public"
    )


def warehouse_asset(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """All dbt models, built in one invocation."""
    translator = Translator()
    specs = {uid: translator.get_asset_spec(manifest, uid, None) for uid in models(manifest)}
    tests = {
        test: check
        for uid, spec in specs.items()
        for test in manifest["child_map"].get(uid, [])
        if test.startswith("test.")
        and (check := translator.get_asset_check_spec(spec, manifest, test, None)) is not None
    }

    @dg.multi_asset(
        name="dbt_build",
        specs=list(specs.values()),
        check_specs=list(tests.values()),
        can_subset=True,
        pool=WAREHOUSE_POOL,
    )
    def dbt_build(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        home = installation.folders()
        selected = {uid: spec for uid, spec in specs.items() if spec.key in context.selected_asset_keys}
        results = build(home, [manifest["nodes"][uid]["name"] for uid in selected])
        shown = _shown(home.warehouse, [manifest["nodes"][uid] for uid in selected])
        for result in results:
            if result.unique_id in selected and result.is_good:
                yield dg.MaterializeResult(
                    asset_key=selected[result.unique_id].key,
                    metadata=_metadata(result, shown.get(result.unique_id)),
                )
            elif result.unique_id in tests:
                yield _check_result(tests[result.unique_id], result)
        bad = [result for result in results if not result.is_good and result.status != "skipped"]
        if bad:
            listing = "\n".join(f"{r.unique_id}: {r.status}: {r.message}" for r in bad)
            raise dg.Failure(f"{len(bad)} dbt nodes failed; nothing was published.\n{listing}")

    return dbt_build


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
        metadata |= {"dagster/row_count": shown[0], "preview": preview(shown[1])}
    return metadata


def _shown(
    warehouse: Any, nodes: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[int, list[dict[str, object]]]]:
    """Row count and first rows of every table among `nodes`, read in one connection."""
    import duckdb

    tables = [node for node in nodes if node["config"]["materialized"] != "view"]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            node["unique_id"]: _table_facts(connection, f'"{node["schema"]}"."{node["alias"]}"')
            for node in tables
            if _exists(connection, node["schema"], node["alias"])
        }


def _exists(connection: Any, schema: str, table: str) -> bool:
    query = "select 1 from duckdb_tables() where schema_name = ? and table_name = ?"
    return connection.execute(query, [schema, table]).fetchone() is not None


def _table_facts(connection: Any, relation: str) -> tuple[int, list[dict[str, object]]]:
    (rows,) = connection.execute(f"select count(*) from {relation}").fetchall()[0]
    cursor = connection.execute(f"select * from {relation} limit {PREVIEW_ROWS}")
    names = [column[0] for column in cursor.description]
    return rows, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def load_manifest() -> dict[str, Any]:
    """The project as parsed at install time."""
    return read_manifest()
