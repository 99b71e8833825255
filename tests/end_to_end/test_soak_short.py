"""The short form of `make soak`: a few simulated days, with faults and kills, in the real processes."""

from __future__ import annotations

from pathlib import Path

from tests.soak.marts import FEW
from tests.soak.run import MACHINE, Plan, kills_of, soak

SHORT = Plan(days=3, kills=4, seed=3, marts=FEW)


def test_days_with_faults_and_kills_end_as_if_there_had_been_none(tmp_path: Path) -> None:
    told = soak(tmp_path / "soak", SHORT, lambda line: None)
    assert told.wrong == []
    assert told.kills.total() >= SHORT.kills
    assert told.faults.total() == told.requests // 10
    assert told.states >= 1


def test_kills_are_as_many_as_planned_of_every_kind_and_the_same_for_the_same_seed() -> None:
    plan = Plan(days=200, kills=50, seed=1)
    kills = kills_of(plan)
    assert kills == kills_of(plan)
    assert kills != kills_of(Plan(days=200, kills=50, seed=2))
    assert len(kills) == 50
    assert {kill.kind for kill in kills} >= {MACHINE, "daemon", "worker", "code server"}
    assert all(0 <= kill.number < 200 for kill in kills)
