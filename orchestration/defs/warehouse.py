"""The dbt models as assets, with lineage to the raw tables, and dbt's tests as their checks.

The specs are read from dbt's manifest here, and not by `dagster-dbt`, whose import alone takes longer than
that of Dagster, and which would start a second process for dbt.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from ingestion.effects import locked
from ingestion.settings import Home
from ingestion.space import full_disk, full_disk_told, says_full
from ingestion.sql import settled
from orchestration import upkeep
from orchestration.dbt import NodeResult, build
from orchestration.defs.automation import HEAVY, condition_of
from orchestration.installation import Clock, Installation
from orchestration.presentation import OWNERS, PREVIEW_ROWS, Group, checks_of, table
from orchestration.warehouse_file import put_aside_if_damaged

WAREHOUSE = "warehouse"
"""The lock that whatever writes or copies the warehouse file holds: one process at a time may open it. It is
the kernel's and no Dagster pool, whose slot a killed process would keep for ever."""


class BuildConfig(dg.Config):
    """Whether to build although the lake and the project are as they were at the last publish."""

    even_if_current: bool = False


Node = Mapping[str, Any]
"""A node of dbt's manifest."""

ASSET_KINDS = ("model", "seed", "snapshot")
NAMED_MODELS = 5
UNCHANGED = "no: it is as it was, since nothing that it is made from has changed"
LAYERS = {"staging": Group.STAGING, "intermediate": Group.INTERMEDIATE, "marts": Group.MARTS}
MOST_BUILDS = 3
"""A lake that changes all the time is left to the run that changes it, which builds, too."""
SMALL_LAKE_BYTES = 64 * 1024 * 1024
"""Up to this size, views are computed to be counted and shown; beyond, that would cost more than it tells."""


def asset_nodes(manifest: Mapping[str, Any]) -> dict[str, Node]:
    """Nodes that become tables or views, by unique id."""
    return {uid: node for uid, node in manifest["nodes"].items() if node["resource_type"] in ASSET_KINDS}


def public_models(manifest: Mapping[str, Any]) -> list[str]:
    """Names of the models that analysts may read."""
    return sorted(node["name"] for node in asset_nodes(manifest).values() if node.get("access") == "public")


def day_columns(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Of models that are built by day (see the macro `touched_days`), the column of the day."""
    return {
        node["name"]: node["config"]["meta"]["day"]
        for node in asset_nodes(manifest).values()
        if node["config"]["materialized"] == "incremental" and "day" in node["config"].get("meta", {})
    }


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
        group_name=LAYERS[layer(node, manifest)],
        owners=OWNERS,
        kinds={"dbt", "duckdb", "python" if is_python else node["config"]["materialized"]},
        code_version=node["checksum"]["checksum"],
        tags={tag if tag == HEAVY else f"area/{tag}": "" for tag in node["tags"]},
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/table_name": f"{node['schema']}.{node['alias']}",
            "checks": checks_of(asset_key(node)),
            "sql": dg.MetadataValue.path(f"dbt_project/{node['original_file_path']}"),
        },
        skippable=True,
        automation_condition=condition_of(node["tags"]),
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
        context: dg.AssetExecutionContext, config: BuildConfig, installation: Installation, clock: Clock
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        home = installation.folders()
        selected = [uid for uid, key in keys.items() if key in context.selected_asset_keys]
        with full_disk_told(home, "dbt_build"), locked(home, WAREHOUSE):
            if damaged := put_aside_if_damaged(home, clock.now()):
                context.log.warning(damaged)
            lake = upkeep.lake_of(home)
            wanted = upkeep.states(lake, manifest)
            # Who names single models wants them built; a run of everything builds what is not current.
            spares = len(selected) == len(keys) and not config.even_if_current
            if spares and upkeep.marts_are_current(home, wanted):
                context.log.info("Nothing that the marts are made from has changed: they stay as published.")
                return
            results, building = _build_while_the_lake_changes(
                home, manifest, (lake, wanted), None if spares else selected
            )
            if not all(result.is_good for result in results) and (
                damaged := put_aside_if_damaged(home, clock.now(), thoroughly=True)
            ):
                context.log.error(damaged)
            # Views read the lake, whose files another run may replace.
            shown = settled(lambda: _shown(home, [nodes[uid] for uid in selected], building))
        context.log.info(f"{len(building)} of {len(selected)} models and seeds are built.")
        yield from _materialized(keys, wanted, set(selected).difference(building), results, shown)
        for result in results:
            if result.unique_id in checks and result.status != "skipped":
                yield _check_result(checks[result.unique_id], result)
        _raise_for(home, results)

    return dbt_build


def _build_while_the_lake_changes(
    home: Home,
    manifest: Mapping[str, Any],
    begun: tuple[upkeep.Lake, upkeep.States],
    selected: Sequence[str] | None,
) -> tuple[list[NodeResult], set[str]]:
    """Builds `selected`, or what is not current: the last result of each node, and what was built.

    `begun`: how the lake stands, and the states that follow from it.
    Where another run replaced files of the lake meanwhile, models may have read some before and some after,
    or failed on one between: then it builds once more, and what it gives is of one state.
    """
    lake, wanted = begun
    results: dict[str, NodeResult] = {}
    built: set[str] = set()
    for _ in range(MOST_BUILDS):
        building = upkeep.outdated(home, wanted) if selected is None else selected
        results |= {result.unique_id: result for result in _build(home, manifest, lake, wanted, building)}
        built.update(building)
        before, lake = lake, upkeep.lake_of(home)
        if lake == before:
            break
        wanted = upkeep.states(lake, manifest)
    return list(results.values()), built


def _build(
    home: Home, manifest: Mapping[str, Any], lake: upkeep.Lake, wanted: upkeep.States, uids: Sequence[str]
) -> list[NodeResult]:
    """Builds these, and notes what they are built from; the warehouse is locked."""
    if not uids:
        return []
    upkeep.build_begins(home, uids)
    lake_days = upkeep.note_lake(home, lake, manifest)
    results = build(home, [manifest["nodes"][uid]["name"] for uid in uids], lake_days)
    good = [result.unique_id for result in results if result.is_good and result.unique_id in wanted]
    failed = [result.unique_id for result in results if not result.is_good and result.status != "skipped"]
    # A test that fails says of all that it reads that it may be wrong.
    tests = [uid for uid in failed if uid not in wanted]
    bad = [*failed, *(parent for uid in tests for parent in upkeep.parents_of(manifest, uid))]
    upkeep.build_ended(home, manifest, wanted, good, bad)
    return results


def _materialized(
    keys: Mapping[str, dg.AssetKey],
    in_order: Iterable[str],
    unchanged: Collection[str],
    results: Sequence[NodeResult],
    shown: Mapping[str, "_Relation"],
) -> Iterator[dg.MaterializeResult]:
    """What stands in the warehouse, parents first.

    Also what did not have to be built: without it Dagster would skip what follows.
    """
    good = {result.unique_id: result for result in results if result.is_good}
    for uid in in_order:
        if uid in good:
            metadata = {"seconds": round(good[uid].seconds, 3), **_facts(shown.get(uid))}
            yield dg.MaterializeResult(asset_key=keys[uid], metadata=metadata)
        elif uid in unchanged:
            metadata = {"built": UNCHANGED, **_facts(shown.get(uid))}
            yield dg.MaterializeResult(asset_key=keys[uid], metadata=metadata)


def _raise_for(home: Home, results: Sequence[NodeResult]) -> None:
    bad = [result for result in results if not result.is_good and result.status != "skipped"]
    unwritten = [result.unique_id.rpartition(".")[2] for result in bad if says_full(result.message)]
    if unwritten:
        raise full_disk(home, "dbt_build", ", ".join(unwritten[:NAMED_MODELS]))
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


@dataclass(frozen=True)
class _Relation:
    """A table or view as it was built. `rows` and `preview` are None where they were not computed."""

    columns: dg.TableSchema
    rows: int | None = None
    preview: Sequence[Mapping[str, object]] | None = None


def _facts(shown: _Relation | None) -> dict[str, Any]:
    if shown is None:
        return {}
    facts: dict[str, Any] = {"dagster/column_schema": shown.columns}
    if shown.rows is not None:
        facts |= {"dagster/row_count": shown.rows, "preview": table(shown.preview or (), empty="No rows.")}
    return facts


def _shown(home: Home, nodes: Sequence[Node], built_now: Collection[str]) -> dict[str, _Relation]:
    """Columns, row count and first rows of `nodes`, read in one connection.

    A view is computed only where it was built in this run and the lake is small.
    """
    import duckdb

    if not home.warehouse.exists():
        return {}
    is_small = sum(path.stat().st_size for path in home.lake.rglob("*.parquet")) <= SMALL_LAKE_BYTES
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        types: dict[tuple[str, str], list[tuple[str, str]]] = {}
        listing = connection.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where not internal order by schema_name, table_name, column_index"
        ).fetchall()
        for schema, name, column, data_type in listing:
            types.setdefault((schema, name), []).append((column, data_type))
        tables = set(connection.execute("select schema_name, table_name from duckdb_tables()").fetchall())
        read = {uid for uid in built_now if is_small}
        return {
            uid: _relation(
                connection, node, types[name], is_table=name in tables, is_read=uid in read or name in tables
            )
            for node in nodes
            if (name := (node["schema"], node["alias"])) in types and (uid := node["unique_id"])
        }


def _relation(
    connection: Any, node: Node, types: Sequence[tuple[str, str]], *, is_table: bool, is_read: bool
) -> _Relation:
    said = {name: column.get("description") or "" for name, column in node["columns"].items()}
    columns = dg.TableSchema([dg.TableColumn(name, type, said.get(name, "")) for name, type in types])
    if not is_read:
        return _Relation(columns)
    relation = f'"{node["schema"]}"."{node["alias"]}"'
    names = [name for name, _ in types]
    if is_table:
        found = connection.execute(f"select * from {relation} limit {PREVIEW_ROWS}").fetchall()
        [(rows,)] = connection.execute(f"select count(*) from {relation}").fetchall()
    else:  # in one pass: what a view is made of is computed once
        counted = connection.execute(f"select count(*) over (), * from {relation} limit {PREVIEW_ROWS}")
        numbered = counted.fetchall()
        found, rows = [row[1:] for row in numbered], numbered[0][0] if numbered else 0
    return _Relation(columns, rows, [dict(zip(names, row, strict=True)) for row in found])
