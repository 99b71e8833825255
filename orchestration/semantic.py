"""MetricFlow on the published file: metrics and dimensions of `dbt_project/models/semantic`.

Belongs here: pointing MetricFlow at the published file, and saying in a line that a metric does not exist.
Does not belong here: what a metric is (YAML of the dbt project), and MetricFlow's own arguments, which pass
through.
"""

from __future__ import annotations

import difflib
import itertools
import logging
import os
from collections.abc import Iterable, Sequence

from ingestion.errors import ObservatoryError
from ingestion.settings import Home
from orchestration.dbt import PROJECT_DIR, ensure_manifest, offer_semantic_manifest, read_manifest


class MetricError(ObservatoryError):
    """A metric that does not exist."""


def asked_metrics(arguments: Sequence[str]) -> list[str]:
    """The metrics that the arguments of `query` name: `--metrics a,b` or `--metrics=a,b`."""
    named = [after for before, after in itertools.pairwise(arguments) if before == "--metrics"]
    named += [one.partition("=")[2] for one in arguments if one.startswith("--metrics=")]
    return [metric.strip() for value in named for metric in value.split(",") if metric.strip()]


def refuse_unknown(asked: Iterable[str], known: Iterable[str]) -> None:
    """Raises MetricError for the first metric that does not exist, with the nearest that do."""
    known = sorted(known)
    for metric in asked:
        if metric.lower() not in known:
            near = difflib.get_close_matches(metric.lower(), known, n=3, cutoff=0.5)
            raise MetricError(
                f"no metric is called {metric}",
                source="observatory mf",
                remedy=f"Nearest: {', '.join(near)}" if near else "`observatory mf list metrics` tells them",
            )


def ask(home: Home, arguments: Sequence[str]) -> None:
    """Runs a command of `mf`, such as `query --metrics best_rank --group-by platform`, and ends the process.

    The file is opened for reading only. MetricFlow prints, and raises SystemExit with its exit code. Its
    entry point is left out, since that asks PyPI for a newer version: nothing here needs a network.
    Raises MetricError for a metric that does not exist.
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
    if name == "query":
        refuse_unknown(asked_metrics(rest), (one["name"] for one in read_manifest()["metrics"].values()))
    if "--help" not in rest:
        configuration.setup(PROJECT_DIR, PROJECT_DIR, configure_file_logging=False)
    # MetricFlow says in words what is wrong, and would log its traceback as well.
    logging.disable()
    try:
        command.main(args=rest, prog_name=f"observatory mf {name}", obj=configuration)
    finally:
        logging.disable(logging.NOTSET)
