with levels as (
    select * from {{ ref('int_diversion_levels') }}
),

origins as (
    select
        levels.*,
        members.geography as episode_geography
    from levels
    inner join {{ ref('int_episode_members') }} as members
        on
            levels.episode_id = members.episode_id
            and levels.platform_id = members.platform_id
    where levels.role = 'origin'
),

removed as (
    select
        members.episode_id,
        delisted.country,
        count(*) as removed_days
    from {{ ref('int_episode_members') }} as members
    inner join {{ ref('int_delisted_days') }} as delisted
        on
            members.platform_id = delisted.platform_id
            and delisted.store_date between members.window_start and members.window_end
    where members.role = 'origin' and delisted.is_delisted
    group by members.episode_id, delisted.country
),

pairs as (
    select
        destinations.*,
        members.origin_platform_id,
        origins.baseline_level as origin_baseline,
        origins.early_level as origin_early,
        origins.late_level as origin_late,
        origins.event_level as origin_event,
        origins.baseline_level - origins.event_level as origin_fall,
        case
            when
                removed.removed_days is not null
                and (destinations.chart is not null or destinations.signal = 'downloads_day')
                then
                    'the origin was removed from the store on ' || removed.removed_days
                    || ' days of the window: installs of it are not defined'
            when origins.metric_id is null then 'nobody measured the origin in this way'
            when origins.baseline_level is null then 'the origin''s level before is not known'
            when origins.event_level is null then 'the origin''s level during the event is not known'
            when origins.event_level >= origins.baseline_level then 'the origin did not fall'
            when origins.baseline_level - origins.event_level < 2 * origins.difference_error
                then 'the origin''s fall is less than two standard errors: it may be none'
        end as origin_reason
    from levels as destinations
    inner join {{ ref('int_episode_members') }} as members
        on
            destinations.episode_id = members.episode_id
            and destinations.platform_id = members.platform_id
    left join origins
        on
            destinations.episode_id = origins.episode_id
            and destinations.metric_id = origins.metric_id
    left join removed
        on
            destinations.episode_id = removed.episode_id
            and coalesce(destinations.country, destinations.geography) = removed.country
    where destinations.role = 'destination'
),

ratios as (
    select
        *,
        coalesce(event_level - baseline_level, told_gain) as destination_gain,
        case
            when origin_reason is null then coalesce(event_level - baseline_level, told_gain) / origin_fall
        end as diversion_ratio,
        case
            when origin_reason is null and origin_early > origin_event
                then (event_level - early_level) / (origin_early - origin_event)
        end as early_ratio,
        case
            when origin_reason is null and origin_late > origin_event
                then (event_level - late_level) / (origin_late - origin_event)
        end as late_ratio
    from pairs
),

members as (
    select
        episode_id,
        count(*) as destinations
    from {{ ref('int_episode_members') }}
    where role = 'destination'
    group by episode_id
),

-- What every destination of the episode makes together, in one way of measuring. A destination that nobody
-- measured is not one of zero: without it there is no whole.
totals as (
    select
        episode_id,
        metric_id,
        count(diversion_ratio) as destinations_measured,
        count(baseline_level) as destinations_with_level,
        {{ in_order('sum', 'diversion_ratio', 'platform_id') }} as diverted,
        {{ in_order('sum', 'baseline_level', 'platform_id') }} as baseline_of_all
    from ratios
    group by episode_id, metric_id
),

published_elsewhere as (
    select
        {{ distinct_text(
            "metric || ' ' || cast(value as varchar) || ' (' || episode || ', ' || source || ')'", '; '
        ) }} as benchmarks
    from {{ ref('benchmarks') }}
    where metric in ('diversion_ratio', 'outside_option')
),

measured as (
    select
        ratios.*,
        members.destinations,
        totals.destinations_measured,
        totals.destinations_with_level,
        case when totals.destinations_measured = members.destinations then 1 - totals.diverted end
            as outside_option,
        case
            when totals.destinations_with_level = members.destinations
                then ratios.baseline_level / nullif(totals.baseline_of_all, 0)
        end as share_predicted_ratio,
        published_elsewhere.benchmarks
    from ratios
    inner join totals
        on
            ratios.episode_id = totals.episode_id
            and ratios.metric_id = totals.metric_id
    inner join members on ratios.episode_id = members.episode_id
    cross join published_elsewhere
)

select
    episode_id,
    origin_platform_id,
    platform_id,
    metric_id as metric,
    signal,
    store,
    country,
    chart,
    geography,
    level_method,
    origin_baseline,
    origin_event,
    origin_fall,
    baseline_level as destination_baseline,
    event_level as destination_event,
    destination_gain,
    diversion_ratio,
    case
        when diversion_ratio is not null then null
        when origin_reason is not null then origin_reason
        when baseline_level is null then 'the destination''s level before is not known'
        else 'the destination''s level during the event is not known'
    end as diversion_null_reason,
    case
        when level_method = 'daily_means' and early_ratio is not null and late_ratio is not null
            then least(diversion_ratio, early_ratio, late_ratio)
    end as diversion_low,
    case
        when level_method = 'daily_means' and early_ratio is not null and late_ratio is not null
            then greatest(diversion_ratio, early_ratio, late_ratio)
    end as diversion_high,
    case
        when diversion_ratio is null then 'there is no ratio'
        when level_method != 'daily_means' then 'a figure before and one after leave no range'
        when early_ratio is null or late_ratio is null
            then 'against one week of the baseline the origin did not fall'
    end as range_null_reason,
    share_predicted_ratio,
    case
        when share_predicted_ratio is not null then null
        when destinations_with_level < destinations
            then
                'the level before is known of ' || destinations_with_level || ' of ' || destinations
                || ' destinations: a share needs them all'
        else 'every destination''s level before is zero'
    end as share_predicted_null_reason,
    case when share_predicted_ratio > 0 then diversion_ratio / share_predicted_ratio end
        as observed_to_predicted,
    case
        when share_predicted_ratio > 0 and diversion_ratio is not null then null
        when diversion_ratio is null then 'there is no ratio'
        when share_predicted_ratio is null then 'there is no share to predict from'
        else 'the destination''s level before is zero'
    end as observed_to_predicted_null_reason,
    outside_option,
    case
        when outside_option is not null then null
        when origin_reason is not null then origin_reason
        else
            destinations_measured || ' of ' || destinations
            || ' destinations were measured: what the others gained is not known'
    end as outside_option_null_reason,
    destinations,
    destinations_measured,
    window_start,
    benchmarks,
    provenance
from measured
order by episode_id, metric, platform_id
