"""The figures of docs/statistics.md are those of the published marts of the bundled case."""

from __future__ import annotations

import re

import pytest

from ingestion.settings import PROJECT_ROOT
from tests.end_to_end.conftest import Query

PAGE = PROJECT_ROOT / "docs" / "statistics.md"
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
EPISODE = "episode_id = 'tiktok_refugees_2025'"
RULING = "event_id = 'scotus_upholds' and group_id = 'all' and window_start = 0 and window_end = 5"
FIGURES = {
    "fct_chart_rank_daily": [
        (
            "somebody looked at the US overall chart of the App Store on {} days",
            "select count(distinct store_date) from marts.fct_chart_rank_daily where store = 'app_store' and "
            "country = 'US' and chart = 'top_free_overall' and rank_status in ('ranked', 'unranked') "
            "and store_date between date '2025-01-06' and date '2025-02-28'",
        ),
        (
            "the {words} days of RedNote at number 1 are the least there were, of a span of {words}",
            f"select days_at_number_one, span_days from marts.migration_episodes where {EPISODE} and "
            "platform_id = 'xiaohongshu' and store = 'app_store' and country = 'US' "
            "and chart = 'top_free_overall'",
        ),
    ],
    "demand_index": [
        (
            "rank 25 is worth {:.0f} to {:.0f} hundredths of rank 1",
            "select min(min_demand_index), max(max_demand_index) from marts.demand_index where rank = 25",
        )
    ],
    "persistence": [
        (
            "of {} stays in the top 25 of the App Store, {} began before anybody looked",
            "select max(stays), max(stays_without_observed_entry) from marts.persistence "
            "where store = 'app_store' and country = 'US' and chart = 'top_free_overall' and top_n = 25",
        )
    ],
    "surges": [
        (
            "with a z on {} days for each of {words} platforms",
            "select min(days), count(distinct platform_id) from (select platform_id, signal, count(robust_z) "
            "as days from marts.surges where signal in ('weibo_hot_search', 'readhub_topics') group by all)",
        ),
        (
            "on {} January for RedNote and on {} January for TikTok",
            "select max(case when platform_id = 'xiaohongshu' then day(series_date) end), "
            "max(case when platform_id = 'tiktok' then day(series_date) end) from marts.surges "
            "where surge_onset and signal = 'weibo_hot_search' having count(*) = 2",
        ),
    ],
    "migration_episodes": [
        (
            "half-life of {:.2f} days rests on {words} published levels",
            f"select distinct half_life_days, half_life_points from marts.migration_episodes where {EPISODE} "
            "and platform_id = 'xiaohongshu' and half_life_days is not null",
        ),
        (
            "{Words} charts of January 2025 have no onset, since the first look",
            f"select count(*) from marts.migration_episodes where {EPISODE} "
            "and onset_null_reason like 'already at its best rank%'",
        ),
    ],
    "episode_dynamics": [
        (
            "{words} counts by {words} Chinese sources are all that has a half-life",
            f"select count(*), count(distinct signal) from marts.episode_dynamics where {EPISODE} "
            "and half_life_days is not null",
        )
    ],
    "episode_comparison": [
        (
            "{} of {} benchmarks have no address that could be opened",
            "select count(distinct benchmark_id) filter (where benchmark_source like '%not known'), "
            "count(distinct benchmark_id) from marts.episode_comparison",
        )
    ],
    "migration_daily": [
        (
            "peak of {:.1f} on {} January rests on {words} leg",
            f"select migration_index, day(index_date), n_legs from marts.migration_daily where {EPISODE} "
            "and platform_id = 'xiaohongshu' order by migration_index desc nulls last limit 1",
        ),
        (
            "{Words} of {words} destinations have no index at all",
            "select count(*) filter (where days = 0), count(*) from (select count(migration_index) as days "
            f"from marts.migration_daily where {EPISODE} group by platform_id)",
        ),
    ],
    "retention": [
        (
            "{} rows of January 2025 have no excess retention, since no level before was observed",
            f"select count(*) from marts.retention where {EPISODE} and role = 'destination' "
            "and excess_retention_null_reason like 'only 0 of %'",
        ),
    ],
    "fct_attention_daily": [
        (
            "{} of {} days have a value",
            "select count(value), count(*) from marts.fct_attention_daily "
            "where source = 'wikipedia_pageviews'",
        )
    ],
    "fct_platform_stories_daily": [
        (
            "{} days of the window or after it have one",
            "select count(distinct published_date) from marts.fct_platform_stories_daily "
            "where published_date >= date '2025-01-06'",
        )
    ],
    "share_of_voice_daily": [
        (
            "sources that are complete know {words} of the {words} platforms",
            "select distinct platforms_counted, platforms_in_set from marts.attention_displacement "
            f"where {EPISODE} and period = 'window' and source in ('weibo_hot_search', 'readhub_topics')",
        )
    ],
    "lead_lag_correlations": [
        (
            "largest correlation is at lag {},",
            f"select best_lag from marts.lead_lag where {EPISODE} and platform_id = 'xiaohongshu' "
            "and null_reason is null",
        )
    ],
    "fct_returns_daily": [
        (
            "SNAP's 8.3 % of 15 January is {:.1f} % at the close",
            "select 100 * simple_return from marts.fct_returns_daily "
            "where symbol = 'SNAP' and session_date = date '2025-01-15'",
        ),
        (
            "on 18 December 2024 is a rise of {:.1f} % at the close",
            "select 100 * simple_return from marts.fct_returns_daily "
            "where symbol = 'SNAP' and session_date = date '2024-12-18'",
        ),
    ],
    "lead_lag": [
        (
            "of {} pairs in January 2025 {words} have twenty points in common",
            "select count(*), count(*) filter (where overlap_points >= 20) from marts.lead_lag "
            f"where {EPISODE}",
        )
    ],
    "event_study": [
        (
            "SNAP's fall by {:.1f} % after 13 January has t {:.1f}",
            "select -100 * car, t_statistic from marts.event_study where event_id = 'rednote_number_one' "
            "and symbol = 'SNAP' and window_start = 0 and window_end = 5",
        )
    ],
    "event_study_tests": [
        (
            "rejects (p {:.3f})",
            f"select p_value from marts.event_study_tests where {RULING} and test = 'patell'",
        ),
        (
            "rejects as well ({:.3f})",
            f"select p_value from marts.event_study_tests where {RULING} and test = 'adjusted_patell'",
        ),
        (
            "Kolari and Pynnonen's ({:.3f})",
            f"select p_value from marts.event_study_tests where {RULING} and test = 'kolari_pynnonen'",
        ),
        (
            "Corrado's rank ({:.3f})",
            f"select p_value from marts.event_study_tests where {RULING} and test = 'corrado_rank'",
        ),
        (
            "Of {words} events the only one with a small p on its own session is 6 December",
            "select count(*) from marts.event_study_tests where group_id = 'all' and window_start = 0 and "
            "window_end = 0 and test = 'kolari_pynnonen' "
            "having max(case when p_value < 0.05 then event_date end) = date '2024-12-06' "
            "and count(case when p_value < 0.05 then 1 end) = 1",
        ),
    ],
    "counterfactual": [
        (
            "{} of {} series of January 2025 have no estimate",
            "select count(effect_null_reason), count(*) from marts.counterfactual_summary "
            f"where {EPISODE} and not is_placebo",
        )
    ],
    "counterfactual_summary": [
        (
            "none of the {words} estimates of January 2025 is accepted",
            f"select count(*) from marts.counterfactual_summary where {EPISODE} and not is_placebo "
            "and effect_null_reason is null having not bool_or(is_acceptable)",
        ),
        (
            "`is_effect` is true for {words} of them",
            f"select count(*) from marts.counterfactual_summary where {EPISODE} and not is_placebo "
            "and is_effect",
        ),
    ],
    "source_agreement": [
        (
            "a factor of {:.0f}; on 20 January alone, the stand-in of two unknown days, it is {:.1f}",
            "select max(ratio) filter (where comparison = 'neighbouring_days'), max(ratio) filter (where "
            "comparison = 'same_day' and first_date = date '2025-01-20') from marts.source_agreement "
            "where platform_id = 'xiaohongshu' and metric = 'users'",
        ),
        (
            "{:.0f} % in a day and {:.0f} % in a week",
            "select max_value, min_value from marts.source_agreement "
            "where platform_id = 'xiaohongshu' and comparison = 'overlapping_falls'",
        ),
    ],
    "fct_claims": [
        (
            "stand in {words} articles and are contradicted",
            "select count(distinct article_id) from marts.fct_claims where value = 700000000 "
            "and verdict = 'contradicted'",
        )
    ],
    "dim_app": [
        (
            "{} of {} ids are not verified",
            "select count(*) filter (where id_status <> 'verified'), count(*) from marts.dim_app",
        )
    ],
}


def words(template: str, row: tuple[object, ...]) -> str:
    """The template with the row's cells in their order: `{words}` and `{Words}` are written in letters."""
    cells = iter(row)

    def told(match: re.Match[str]) -> str:
        cell = next(cells)
        if match[0].lower() == "{words}":
            number = NUMBERS[int(str(cell))]
            return number.capitalize() if match[0] == "{Words}" else number
        return match[0].format(cell)

    return re.sub(r"\{[^}]*\}", told, template)


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\w+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("mart", FIGURES)
def test_figures_of_the_page_are_those_of_the_marts(mart: str, query: Query) -> None:
    for template, sql in FIGURES[mart]:
        rows = query(sql)
        assert len(rows) == 1, sql
        assert words(template, rows[0]) in sections()[mart]
