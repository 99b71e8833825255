"""The sensor that ends runs whose process is gone (`orchestration.dead_runs`)."""

import dagster as dg

from orchestration.dead_runs import end_runs_without_process

TICK_SECONDS = 60


@dg.sensor(
    name="end_runs_whose_process_is_gone",
    minimum_interval_seconds=TICK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A run whose worker died together with the code server, as when the machine is switched off, "
    "or whose command was killed, is marked as failed, and stands in nobody's way. Starts no run itself.",
)
def end_dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    ended = end_runs_without_process(context.instance)
    return dg.SkipReason(f"Ended: {', '.join(ended)}." if ended else "Every started run has its process.")
