"""Breaks in the level of a series."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from ingestion.statistics.breaks import FEWEST_DAYS, PENALTIES, breaks_of, noise


def steps(dice: random.Random, levels: list[float], length: int = 40) -> list[float]:
    return [level + dice.gauss(0, 1) for level in levels for _ in range(length)]


def test_a_step_is_found_on_its_day_under_every_penalty() -> None:
    found = breaks_of(steps(random.Random(1), [0, 60, 20]))
    assert found.positions == {factor: [40, 80] for factor in PENALTIES}
    assert found.null_reason is None


def test_noise_alone_has_no_break() -> None:
    dice = random.Random(2)
    for _ in range(20):
        assert set(map(tuple, breaks_of([dice.gauss(5, 2) for _ in range(250)]).positions.values())) == {()}


def test_a_dearer_break_is_rarer() -> None:
    dice = random.Random(3)
    walk = np.cumsum([dice.gauss(0, 1) for _ in range(250)])
    numbers = [len(breaks_of(list(walk)).positions[factor]) for factor in PENALTIES]
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("factor", PENALTIES)
def test_the_linear_kernel_finds_what_pelt_with_the_squared_error_finds(factor: float) -> None:
    import ruptures

    dice = random.Random(4)
    for _ in range(5):
        signal = np.cumsum([dice.gauss(0, 1) for _ in range(120)])
        price = factor * noise(signal) ** 2 * math.log(len(signal))
        expected = ruptures.Pelt(model="l2", min_size=3, jump=1).fit(signal).predict(pen=price)[:-1]
        assert breaks_of(list(signal)).positions[factor] == expected
        assert breaks_of(list(signal), [factor]).positions == {factor: expected}


def test_noise_is_that_of_a_normal_distribution_and_steps_do_not_count() -> None:
    dice = random.Random(5)
    values = np.array(steps(dice, [0, 500, -300], length=400))
    assert noise(values) == pytest.approx(1, rel=0.1)


def test_too_short_and_too_still_have_a_reason_and_no_breaks() -> None:
    short = breaks_of([1.0] * (FEWEST_DAYS - 1))
    still = breaks_of([0.0] * 40 + [9.0] + [0.0] * 40)
    assert short.positions == still.positions == {}
    assert short.null_reason == "only 27 of the 28 days that breaks need"
    assert still.null_reason == "most days are like the day before: no noise to measure a break by"
