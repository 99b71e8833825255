with levels as (
    select
        sets.episode_id,
        figures.platform_id,
        figures.standard_metric,
        figures.geography,
        figures.channel,
        figures.provider,
        figures.observed_date,
        figures.confidence,
        figures.value,
        max(figures.value) over (
            partition by
                sets.episode_id, figures.platform_id, figures.standard_metric, figures.geography,
                figures.channel, figures.provider
        ) as peak_value
    from {{ ref('int_published_figures') }} as figures
    inner join {{ ref('int_episode_sets') }} as sets
        on
            figures.platform_id = sets.platform_id
            and sets.platform_role = 'destination'
            and figures.observed_date between sets.window_start and sets.window_end
    where
        figures.subject_type = 'platform'
        and figures.standard_metric in ('downloads_day', 'dau')
        and figures.date_precision = 'day'
        and figures.value_bound = '='
        and figures.value > 0
),

dated as (
    select
        *,
        min(case when value = peak_value then observed_date end) over (
            partition by episode_id, platform_id, standard_metric, geography, channel, provider
        ) as peak_date
    from levels
),

fitted as (
    select
        episode_id,
        platform_id,
        standard_metric,
        geography,
        channel,
        provider,
        peak_date,
        max(peak_value) as peak_value,
        max(observed_date) as last_date,
        count(distinct observed_date) as points,
        max(confidence) as weakest_confidence,
        -{{ in_order(
            'regr_slope',
            'log2(value), ' ~ days_between('peak_date', 'observed_date'),
            'observed_date, value'
        ) }} as halvings_per_day
    from dated
    where observed_date >= peak_date
    group by episode_id, platform_id, standard_metric, geography, channel, provider, peak_date
),

last_levels as (
    select
        episode_id,
        platform_id,
        standard_metric,
        geography,
        channel,
        provider,
        observed_date,
        max(value) as last_value
    from dated
    group by episode_id, platform_id, standard_metric, geography, channel, provider, observed_date
)

select
    fitted.episode_id,
    fitted.platform_id,
    fitted.standard_metric,
    fitted.geography,
    fitted.channel,
    fitted.provider,
    fitted.peak_date,
    fitted.last_date,
    {{ days_between('fitted.peak_date', 'fitted.last_date') }} as after_days,
    fitted.points,
    fitted.weakest_confidence,
    case when fitted.points >= 2 and fitted.halvings_per_day > 0 then 1 / fitted.halvings_per_day end
        as half_life_days,
    case
        when fitted.points < 2 then 'only one published level from the peak on'
        when fitted.halvings_per_day <= 0 then 'the published levels do not fall'
    end as half_life_null_reason,
    case when fitted.points >= 2 then last_levels.last_value / fitted.peak_value end as persistence,
    case when fitted.points < 2 then 'only one published level from the peak on' end
        as persistence_null_reason
from fitted
inner join last_levels
    on
        fitted.episode_id = last_levels.episode_id
        and fitted.platform_id = last_levels.platform_id
        and fitted.standard_metric = last_levels.standard_metric
        and fitted.geography = last_levels.geography
        and coalesce(fitted.channel, '') = coalesce(last_levels.channel, '')
        and fitted.provider = last_levels.provider
        and fitted.last_date = last_levels.observed_date
