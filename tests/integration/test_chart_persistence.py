"""How long apps stay in a chart, against lifelines."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence

import pytest

from ingestion.settings import Home
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

FIRST = dt.date(2025, 3, 1)
LEFT, DELISTED, CENSORED = 1, 2, 0
Rows = list[dict[str, object]]
DEPTH = 25
UPPER = "end_dating = 'first_day_seen_outside' and top_n = 25"


def made_up_stays(seed: int) -> list[tuple[str, int, int]]:
    """An app, the days that it stays, and how its stay ends; no two ends of different kinds on one day."""
    dice = random.Random(seed)
    days = [dice.choice((2, 3, 5, 5, 8, 8, 11, 13)) for _ in range(30)]
    days += [dice.choice((4, 9, 14)) for _ in range(6)] + [dice.choice((7, 12, 16)) for _ in range(8)]
    outcomes = [LEFT] * 30 + [DELISTED] * 6 + [CENSORED] * 8
    return [(f"app_{n}", stay, end) for n, (stay, end) in enumerate(zip(days, outcomes, strict=True))]


def captures(
    stays: Sequence[tuple[str, int, int]],
) -> tuple[Rows, Rows]:
    """A capture of each app on each day: outside before, inside while it stays, outside where it left."""
    looks: Rows = []
    entries: Rows = []
    for app, stay, end in stays:
        last = {LEFT: stay, DELISTED: stay - 1, CENSORED: stay}[end]
        for day in range(-1, last + 1):
            capture = {
                "capture_id": f"{app}-{day}", "store": "app_store", "country": "US",
                "chart": "top_free_overall", "store_date": FIRST + dt.timedelta(days=day), "scope": "app",
                "platform_id": app, "depth": DEPTH, "capture_status": "succeeded", "provider": "test",
            }  # fmt: skip
            looks.append(capture)
            if day >= 0 and not (end == LEFT and day == stay):
                entries.append({**capture, "rank": 20, "app_name": app})
    return looks, entries


def removals(stays: Sequence[tuple[str, int, int]]) -> Rows:
    return [
        {
            "event_id": f"removed_{app}", "platform_id": app, "event_type": "delisted", "title": "Removed",
            "event_date": FIRST + dt.timedelta(days=stay), "event_zone": "America/New_York",
            "geography": "US",
            "event_at": dt.datetime.combine(FIRST + dt.timedelta(days=stay), dt.time(5)),
        }
        for app, stay, end in stays
        if end == DELISTED
    ]  # fmt: skip


@pytest.fixture(scope="module")
def stays() -> list[tuple[str, int, int]]:
    return made_up_stays(20250113)


@pytest.fixture(scope="module")
def built(stays: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("charts") / "home")
    prepare_lake(home)
    looks, entries = captures(stays)
    put(home, "chart_captures", looks)
    put(home, "chart_entries", entries)
    put(home, "platform_events", removals(stays))
    put(home, "watch_storefronts", [{"country": "US", "store_zone": "America/New_York"}])
    statuses = run_dbt(home, "build", "--select", "+persistence", "--exclude-resource-type", "unit_test")
    assert set(statuses.values()) <= {"success", "pass"}
    return home


def test_survival_and_its_interval_are_those_of_lifelines(
    built: Home, stays: list[tuple[str, int, int]]
) -> None:
    from lifelines import KaplanMeierFitter

    fitter = KaplanMeierFitter().fit([days for _, days, _ in stays], [end == LEFT for _, _, end in stays])
    interval = fitter.confidence_interval_survival_function_
    told = read(
        built,
        "select days_since_entry, at_risk, survival, survival_low, survival_high "
        f"from marts.persistence where {UPPER} order by days_since_entry",
    )
    assert [day for day, *_ in told] == list(range(max(days for _, days, _ in stays) + 1))
    for day, at_risk, survival, low, high in told:
        assert at_risk == sum(days >= day for _, days, _ in stays)
        assert survival == pytest.approx(fitter.predict(day), abs=1e-9)
        if low is not None:
            expected = interval[interval.index <= day].iloc[-1].tolist()
            assert [low, high] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("end", "column"), [(LEFT, "exit_probability"), (DELISTED, "delisting_probability")])
def test_the_risks_that_compete_are_those_of_lifelines(
    built: Home, stays: list[tuple[str, int, int]], end: int, column: str
) -> None:
    from lifelines import AalenJohansenFitter

    # Ties of one kind alone: lifelines takes them apart by less than a millionth of a day.
    fitter = AalenJohansenFitter(calculate_variance=False, seed=0, jitter_level=1e-7).fit(
        [days for _, days, _ in stays], [ended for _, _, ended in stays], event_of_interest=end
    )
    curve = fitter.cumulative_density_.iloc[:, 0]
    told = read(built, f"select days_since_entry, {column} from marts.persistence where {UPPER}")
    for day, probability in told:
        assert probability == pytest.approx(curve[curve.index <= day + 1e-3].iloc[-1], abs=1e-9)


def test_an_end_seen_at_once_has_one_date_and_everything_adds_up(built: Home) -> None:
    rows = read(
        built,
        "select count(*), count(*) filter (survival != survival_before) from (select *, "
        "lag(survival) over (partition by top_n, days_since_entry order by end_dating) as survival_before "
        "from marts.persistence where top_n = 25)",
    )
    assert rows[0][0] > 0
    assert rows[0][1] == 0
    unseen = f"select max(stays_without_observed_entry) from marts.persistence where {UPPER}"
    assert read(built, unseen) == [(0,)]


def test_longevity_is_the_share_of_days_inside(built: Home, stays: list[tuple[str, int, int]]) -> None:
    inside, known = 0, 0
    told = dict(read(built, f"select days_since_entry, longevity from marts.persistence where {UPPER}"))
    last = max(told)
    for day in range(last + 1):
        for _, stay, end in stays:
            # A removed app stays removed; of the others nobody tells more after their last capture.
            inside += day < stay or (end == CENSORED and day == stay)
            known += day <= stay or end == DELISTED
        assert told[day] == pytest.approx(inside / known, abs=1e-12)
