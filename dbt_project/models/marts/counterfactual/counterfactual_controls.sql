with candidates as (
    select * from {{ ref('int_counterfactual_candidates') }}
),

fits as (
    select
        episode_id,
        series_id,
        max(case when not is_placebo then controls_used end) as controls_used,
        max(case when is_placebo then controls_used end) as controls_used_in_placebo
    from {{ ref('int_counterfactual_fits') }}
    group by episode_id, series_id
),

episodes as (
    select * from {{ ref('stg_raw__watch_episodes') }}
)

select
    candidates.episode_id,
    candidates.platform_id,
    episodes.window_start,
    candidates.series_id,
    candidates.control_series_id,
    candidates.control_platform_id,
    candidates.control_kind,
    candidates.is_clean,
    candidates.reason,
    -- The list of a fit is text; ids hold no comma, so that a framed id is found whole or not at all.
    coalesce(
        ', ' || fits.controls_used || ', ' like '%, ' || candidates.control_series_id || ', %', false
    ) as is_used,
    coalesce(
        ', ' || fits.controls_used_in_placebo || ', ' like '%, ' || candidates.control_series_id || ', %',
        false
    ) as is_used_in_placebo,
    candidates.target_days,
    candidates.shared_days
from candidates
inner join episodes on candidates.episode_id = episodes.episode_id
left join fits
    on
        candidates.episode_id = fits.episode_id
        and candidates.series_id = fits.series_id
order by candidates.episode_id, candidates.series_id, candidates.control_series_id
