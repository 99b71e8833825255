-- What the warehouse itself computes of an episode, a row a measure.
with decays as (
    select * from {{ ref('int_published_decays') }}
),

-- Of several charts the one of the episode's own country that says most.
charts as (
    select
        episodes.*,
        row_number() over (
            partition by episodes.episode_id, episodes.platform_id
            order by
                case when episodes.time_to_peak_days is null then 1 else 0 end,
                -episodes.observed_days,
                episodes.store,
                episodes.chart
        ) as preference
    from {{ ref('migration_episodes') }} as episodes
    inner join {{ ref('stg_raw__watch_episodes') }} as watched
        on
            episodes.episode_id = watched.episode_id
            and episodes.country = watched.geography
),

-- Users over those before, as told on the last day that a provider told them.
kept as (
    select
        *,
        row_number() over (
            partition by episode_id, platform_id, provider, geography
            order by horizon_date desc, series_id asc
        ) as preference
    from {{ ref('retention') }}
    where
        role = 'destination'
        and signal_family = 'published'
        and signal in ('dau', 'dau_against_before')
        and sticky_uplift is not null
)

select
    episode_id,
    platform_id,
    'half_life_days' as measure,
    standard_metric as series,
    provider,
    channel,
    geography,
    half_life_days as value,
    case when points = 2 then 'exponential_two_published_points' else 'exponential_regression' end as method,
    half_life_null_reason as null_reason,
    after_days,
    weakest_confidence as confidence
from decays
union all
select
    episode_id,
    platform_id,
    'persistence' as measure,
    standard_metric as series,
    provider,
    channel,
    geography,
    persistence as value,
    'last_published_level_over_the_highest' as method,
    persistence_null_reason as null_reason,
    after_days,
    weakest_confidence as confidence
from decays
union all
select
    episode_id,
    platform_id,
    'time_to_peak_days' as measure,
    'chart_rank' as series,
    cast(null as varchar) as provider,
    store || '/' || chart as channel,
    country as geography,
    cast(time_to_peak_days as double) as value,
    'first_ranked_day_of_climb_to_best_rank' as method,
    case when time_to_peak_days is null then onset_null_reason end as null_reason,
    cast(null as bigint) as after_days,
    cast(null as varchar) as confidence
from charts
where preference = 1
union all
select
    episode_id,
    platform_id,
    'days_at_number_one' as measure,
    'chart_rank' as series,
    cast(null as varchar) as provider,
    store || '/' || chart as channel,
    country as geography,
    cast(days_at_number_one as double) as value,
    'observed_days_a_lower_bound' as method,
    cast(null as varchar) as null_reason,
    cast(null as bigint) as after_days,
    cast(null as varchar) as confidence
from charts
where preference = 1
union all
select
    episode_id,
    platform_id,
    'lift_kept' as measure,
    'dau' as series,
    provider,
    'usage' as channel,
    geography,
    sticky_uplift as value,
    'last_published_level_over_the_one_before' as method,
    cast(null as varchar) as null_reason,
    case when horizon_days > 0 then horizon_days end as after_days,
    confidence
from kept
where preference = 1
