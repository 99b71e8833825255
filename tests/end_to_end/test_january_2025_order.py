"""What the real case can say of who came first and of what would have been, and what it must not claim."""

from __future__ import annotations

import datetime as dt

from tests.end_to_end.conftest import Query


def test_rednote_was_number_one_surely_before_news_and_searches_in_china_rose(query: Query) -> None:
    """10:00 in New York on 13 January against 14 January in Shanghai, which begins at 11:00 in New York."""
    steps = {
        (kind, subject): (step, latest, after)
        for kind, subject, step, latest, after in query(
            "select fact_kind, subject, step, latest_at, surely_after_step from marts.event_order "
            "where episode_id = 'tiktok_refugees_2025' and platform_id = 'xiaohongshu'"
        )
    }
    first, latest, _ = steps["number_one", "app_store/US/top_free_overall"]
    assert latest == dt.datetime(2025, 1, 13, 15)  # noqa: DTZ001
    for rise in (
        ("attention_rise", "weibo_hot_search/xiaohongshu"),
        ("news_rise", "readhub_topics/xiaohongshu"),
    ):
        assert steps[rise][2] >= first


def test_outlets_of_unknown_zone_are_not_put_after_number_one(query: Query) -> None:
    """Five had written by 14 January, which somewhere on Earth begins before 15:00 UTC of the 13th."""
    told = query(
        "select press.fact_date, press.surely_after_step < chart.step from marts.event_order as press "
        "inner join marts.event_order as chart on press.episode_id = chart.episode_id "
        "and chart.fact_kind = 'number_one' and chart.subject = 'app_store/US/top_free_overall' "
        "and chart.platform_id = press.platform_id "
        "where press.fact_kind = 'press_broad' and press.platform_id = 'xiaohongshu'"
    )
    assert told == [(dt.date(2025, 1, 14), True)]


def test_seven_days_in_a_chart_order_nothing(query: Query) -> None:
    """Too few ranks are known for a cross-correlation: no number, and the reason."""
    told = query(
        "select distinct best_lag, verdict, null_reason is not null from marts.lead_lag "
        "where leader_series_id like 'chart_%'"
    )
    assert told == [(None, None, True)]


def test_no_counterfactual_of_the_case_is_accepted(query: Query) -> None:
    """Weeks before the window are too short for a placebo date; ranks are not known at all."""
    judged = query(
        "select series_id, is_effect, is_acceptable, not_acceptable_because like '(a) no placebo%' "
        "from marts.counterfactual_summary "
        "where episode_id = 'tiktok_refugees_2025' and not is_placebo and cumulative_effect is not null"
    )
    assert ("weibo_hot_search/xiaohongshu", True, False, True) in judged
    assert {(accepted, placebo) for _, _, accepted, placebo in judged} == {(False, True)}
    ((charts, estimated),) = query(
        "select count(*), count(cumulative_effect) from marts.counterfactual_summary "
        "where signal_family = 'chart'"
    )
    assert charts > 0
    assert estimated == 0


def test_rednote_elsewhere_is_no_control_for_rednote_in_the_us(query: Query) -> None:
    countries = query(
        "select distinct split_part(control_series_id, '/', 4), is_clean from marts.counterfactual_controls "
        "where control_kind = 'other_storefront' and platform_id = 'xiaohongshu' order by all"
    )
    assert countries == [("CA", False), ("GB", False), ("IE", False), ("IT", False)]
