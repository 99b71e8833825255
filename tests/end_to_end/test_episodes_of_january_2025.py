"""What stayed, what came back and who gained in January 2025, by plain SQL on the published marts."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.end_to_end.conftest import Query

EPISODE = "episode_id = 'tiktok_refugees_2025'"
DAY = dt.date


def test_tiktok_came_back_within_two_days(query: Query) -> None:
    """DNS traffic from -85 % to -7 % is 0.92, to about -10 % is 0.88."""
    rows = query(
        "select horizon_date, is_date_approximate, round(bounce_back, 2) from marts.retention "
        f"where {EPISODE} and signal = 'traffic_against_before' and bounce_back is not null "
        "order by horizon_date"
    )
    assert rows[1:] == [(DAY(2025, 1, 21), False, 0.92), (DAY(2025, 1, 31), True, 0.88)]


def test_rednote_lost_more_than_half_in_a_day_and_kept_a_quarter_for_a_month(query: Query) -> None:
    rows = query(
        "select provider, horizon_date, round(persistence, 2), round(sticky_uplift, 2) from marts.retention "
        f"where {EPISODE} and platform_id = 'xiaohongshu' and signal like 'dau%' "
        "and (persistence is not null or signal = 'dau_against_before') order by horizon_date"
    )
    assert rows[0][:3] == ("Similarweb", DAY(2025, 1, 20), 0.46)
    assert rows[-1] == ("Sensor Tower", DAY(2025, 2, 18), None, 1.25)


def test_nobody_gained_what_tiktok_never_lost(query: Query) -> None:
    rows = query(
        "select metric, diversion_ratio, outside_option, diversion_null_reason from marts.diversion "
        f"where {EPISODE} and origin_platform_id = 'tiktok'"
    )
    assert rows
    assert {(ratio, outside) for _, ratio, outside, _ in rows} == {(None, None)}
    reasons = {metric: reason for metric, _, _, reason in rows}
    assert reasons["published/dau/US/usage/Similarweb"] == "the origin did not fall"
    removed = reasons["chart_visibility/app_store/US/top_free_overall"]
    assert removed.startswith("the origin was removed from the store on 26 days")


@pytest.mark.parametrize(("store", "closes", "streak"), [("app_store", 5, 2), ("google_play", 3, 2)])
def test_rednote_at_number_one_by_close_and_in_a_row(
    query: Query, store: str, closes: int, streak: int
) -> None:
    rows = query(
        "select days_at_number_one_close, longest_streak_days, hours_at_number_one, "
        "hours_at_number_one_null_reason is not null, round(origin_bounce_back, 2) "
        f"from marts.migration_episodes where {EPISODE} and platform_id = 'xiaohongshu' "
        f"and store = '{store}' and country = 'US' and chart = 'top_free_overall'"
    )
    # One published reading a day, without its hour: days can be counted, hours cannot.
    assert rows == [(closes, streak, None, True, 0.88)]


def test_what_the_case_cannot_tell_of_the_chart_is_null(query: Query) -> None:
    rows = query(
        "select distinct excess_retention_7d, excess_retention_7d_null_reason from marts.episode_dynamics "
        f"where {EPISODE} and platform_id = 'xiaohongshu' and signal_family = 'chart'"
    )
    assert rows == [(None, "only 0 of the 14 days before the window are observed, and 7 are needed")]


def test_lemon8_left_the_chart_by_being_removed(query: Query) -> None:
    rows = query(
        "select max(delisting_probability), max(stays_without_observed_entry) from marts.persistence "
        "where store = 'app_store' and country = 'US' and chart = 'top_free_overall' and top_n = 10"
    )
    assert 0 < rows[0][0] < 1
    assert rows[0][1] > 0


def test_what_was_not_among_the_first_ten_is_known_from_above(query: Query) -> None:
    """F040: two weeks after its peak RedNote was not in a newspaper's top ten, which is not to be gone."""
    rows = query(
        "select persistence_14d, persistence_14d_null_reason, round(persistence_14d_upper_bound, 2) "
        f"from marts.migration_episodes where {EPISODE} and platform_id = 'xiaohongshu' "
        "and store = 'app_store' and country = 'US' and chart = 'top_free_overall'"
    )
    assert rows == [(None, "not among the first 10: at best rank 11, a visibility of 0.28", 0.28)]


@pytest.mark.parametrize(("store", "day"), [("app_store", 13), ("google_play", 3)])
def test_number_one_is_lost_on_the_day_that_another_is_seen_there(query: Query, store: str, day: int) -> None:
    """On 26 January DeepSeek, after RedNote's 13th; at Google Play RedNote on the 16th, after Lemon8."""
    rows = query(
        "select days_since_entry, exits, delistings from marts.persistence where exits + delistings > 0 "
        f"and store = '{store}' and country = 'US' and chart = 'top_free_overall' and top_n = 1 "
        "and end_dating = 'first_day_seen_outside'"
    )
    assert rows == [(day, 1, 0)]
