"""Which marts the simulated installation has: all of them, or the few that the short form is content with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from orchestration.dbt import read_manifest

MARTS = "SOAK_MARTS"
"""The environment variable that names marts, with commas between; empty means all."""
FEW = (
    "dim_event",
    "dim_platform",
    "fct_attention_daily",
    "fct_chart_rank_daily",
    "fct_loads",
    "fct_news_stories",
    "fct_published_metrics",
    "source_agreement",
    "surges",
)
"""Those that follow from what is asked here, and those that the detection of episodes reads."""


def wanted_manifest() -> dict[str, Any]:
    """The manifest of the dbt project, cut down to the marts that the environment names."""
    named = [name for name in os.environ.get(MARTS, "").split(",") if name]
    return with_marts(read_manifest(), named) if named else read_manifest()


def with_marts(manifest: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The manifest with these models, all that they or their tests read, and nothing else."""
    nodes: Mapping[str, Any] = manifest["nodes"]
    waiting = [
        uid for uid, node in nodes.items() if node["resource_type"] == "model" and node["name"] in names
    ]
    kept: set[str] = set()
    while waiting:
        uid = waiting.pop()
        if uid in kept or uid not in nodes:
            continue
        kept.add(uid)
        tests = [test for test, node in nodes.items() if node.get("attached_node") == uid]
        waiting += [*nodes[uid].get("depends_on", {}).get("nodes", []), *tests]
    return {**manifest, "nodes": {uid: node for uid, node in nodes.items() if uid in kept}}
