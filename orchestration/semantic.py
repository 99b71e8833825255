"""MetricFlow on the published file: metrics and dimensions of `dbt_project/models/semantic`.

Belongs here: pointing MetricFlow at the published file. Does not belong here: what a metric is (YAML of the
dbt project), and MetricFlow's own arguments, which pass through.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ingestion.settings import Home
from orchestration.dbt import PROJECT_DIR, ensure_manifest, offer_semantic_manifest


def ask(home: Home, arguments: Sequence[str]) -> None:
    """Runs a command of `mf`, such as `query --metrics best_rank --group-by platform`, and ends the process.

    The file is opened for reading only. MetricFlow prints, and raises SystemExit with its exit code. Its
    entry point is left out, since that asks PyPI for a newer version: nothing here needs a network.
    """
    import click
    from dbt_metricflow.cli.cli_configuration import CLIConfiguration
    from dbt_metricflow.cli.main import cli

    ensure_manifest()
    offer_semantic_manifest()
    os.environ["OBSERVATORY_PUBLISHED"] = str(home.published_database)
    os.environ["DBT_TARGET"] = "published"
    os.environ["DBT_LOG_PATH"] = str(home.dbt_target)
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    configuration = CLIConfiguration()
    name, rest = (arguments[0], list(arguments[1:])) if arguments else ("--help", [])
    command = cli.commands.get(name)
    if command is None:
        with click.Context(cli, info_name="observatory mf") as context:
            click.echo(cli.get_help(context))
        raise SystemExit(0 if name == "--help" else 2)
    if "--help" not in rest:
        configuration.setup(PROJECT_DIR, PROJECT_DIR, configure_file_logging=False)
    command.main(args=rest, prog_name=f"observatory mf {name}", obj=configuration)
