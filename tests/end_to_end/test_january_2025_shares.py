"""What newspapers said of shares in the case January 2025, against the published marts.

Moves within a session cannot be checked: the case holds closes.
"""

from __future__ import annotations

import datetime as dt

from tests.end_to_end.conftest import Query


def test_meta_rises_by_2_4_to_2_7_percent_when_the_appeals_court_upholds_the_act(query: Query) -> None:
    (row,) = query(
        "select simple_return, event_session_date, n_sessions_in_window from marts.event_study "
        "join marts.fct_returns_daily on fct_returns_daily.symbol = event_study.symbol "
        "and session_date = event_session_date where event_id = 'dc_circuit_upholds' "
        "and event_study.symbol = 'META' and window_start = 0 and window_end = 0"
    )
    assert 0.024 <= row[0] <= 0.027
    assert row[1:] == (dt.date(2024, 12, 6), 1)


def test_snap_falls_on_the_day_of_the_ruling_and_the_ftc_confounds_it(query: Query) -> None:
    rows = query(
        "select symbol, car < 0, is_confounded, confounding_events from marts.event_study "
        "where event_id = 'scotus_upholds' and symbol in ('SNAP', 'META') "
        "and window_start = 0 and window_end = 0 order by symbol desc"
    )
    assert rows[0] == ("SNAP", True, True, "snap_ftc_referral")
    assert rows[1][2:] == (False, None)


def test_what_happens_on_a_holiday_is_priced_with_what_happens_next_to_it(query: Query) -> None:
    rows = query(
        "select distinct event_id, is_market_closed_on_event_day, confounding_events from marts.event_study "
        "where event_id in ('service_dark', 'executive_order_75_days') and window_end = 0 order by event_id"
    )
    assert rows == [
        ("executive_order_75_days", True, "service_dark"),
        ("service_dark", True, "executive_order_75_days"),
    ]


def test_firms_that_move_together_are_not_taken_as_independent(query: Query) -> None:
    """Twelve shares after the ruling: significant only to the test that takes them as independent."""
    rows = query(
        "select test, p_value < 0.05, mean_correlation > 0 from marts.event_study_tests "
        "where event_id = 'scotus_upholds' and group_id = 'all' and window_start = 0 and window_end = 5 "
        "and test in ('patell', 'kolari_pynnonen', 'corrado_rank') order by test"
    )
    assert rows == [
        ("corrado_rank", False, True),
        ("kolari_pynnonen", False, True),
        ("patell", True, True),
    ]
