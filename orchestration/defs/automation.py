"""When models follow their inputs by themselves.

Off at first: a run of the main job builds all models itself, and a second run beside it would build them once
more. Who loads raw tables one by one, in the web UI or by jobs of his own, turns the sensor on.
"""

from collections.abc import Iterable

import dagster as dg

HEAVY = "heavy"
"""Tag of a model in dbt that takes long: it follows the clock, not each of its inputs."""
HEAVY_CRON = "0 0 * * *"
SENSOR = "models_follow_their_inputs"

FOLLOWS_ITS_INPUTS = (
    dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follows_its_inputs")
"""Whenever an input is new, and no blocking check of an input failed when it was evaluated last, in whatever
run that was. A check that only warned counts as failed here: nobody looks on, so nothing is built on it; the
main job goes on, and the sensor's next tick, too, once the check passes."""

DAY_IS_OVER: dg.AutomationCondition = dg.AutomationCondition.cron_tick_passed(HEAVY_CRON, "UTC")
FOLLOWS_THE_CLOCK = (
    DAY_IS_OVER.since_last_handled()
    & dg.AutomationCondition.any_deps_updated().since_last_handled()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follows_the_clock")
"""Once a day, after midnight (UTC), if any input is newer than the model, and never on a failed check.
Dagster's `on_cron` waits for all inputs instead: a model with one that seldom changes, such as a seed, would
wait for ever."""


def condition_of(tags: Iterable[str]) -> dg.AutomationCondition:
    """The condition of a model with these tags in dbt."""
    return FOLLOWS_THE_CLOCK if HEAVY in tags else FOLLOWS_ITS_INPUTS


automation_sensor = dg.AutomationConditionSensorDefinition(
    SENSOR,
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Builds each model when an input of it is new and no check of an input failed; heavy ones "
    "once a night. Not needed beside the main job, which builds models itself.",
)
