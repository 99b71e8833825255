{% set design = episode_design() %}
with daily as (
    select
        *,
        case when role = 'origin' then trough_date else peak_date end as anchor_date,
        case when role = 'origin' then trough_value else peak_value end as anchor_value,
        case when role = 'origin' then trough_horizon_date else peak_horizon_date end as horizon_date,
        case when role = 'origin' then value_after_trough else value_after_peak end as value,
        case when role = 'origin' then value_after_trough_upper_bound else value_after_peak_upper_bound end
            as value_upper_bound,
        case
            when role = 'origin' then coalesce(trough_null_reason, value_after_trough_null_reason)
            else coalesce(peak_null_reason, value_after_peak_null_reason)
        end as value_null_reason,
        case when role = 'origin' then value_after_trough_is_censored else value_after_peak_is_censored end
            as is_censored,
        coalesce(
            onset_null_reason,
            case when baseline <= 0 then 'the baseline is zero' end,
            value_after_onset_null_reason
        ) as sticky_uplift_reason
    from {{ ref('int_episode_retention') }}
),

removed as (
    select
        shapes.episode_id,
        shapes.platform_id,
        shapes.series_id,
        count(*) as removed_days
    from {{ ref('int_episode_shapes') }} as shapes
    inner join {{ ref('int_delisted_days') }} as delisted
        on
            shapes.platform_id = delisted.platform_id
            and shapes.country = delisted.country
            and delisted.store_date between shapes.window_start and shapes.window_end
    where delisted.is_delisted and shapes.role = 'origin'
    group by shapes.episode_id, shapes.platform_id, shapes.series_id
),

of_series as (
    select
        daily.episode_id,
        daily.platform_id,
        daily.role,
        daily.series_id,
        daily.signal_family,
        daily.signal,
        daily.store,
        daily.country,
        daily.chart,
        daily.geography,
        cast(null as varchar) as provider,
        cast(null as varchar) as confidence,
        daily.anchor_date,
        daily.anchor_value,
        daily.baseline as base_value,
        'median_of_days_before_the_window' as base_method,
        daily.horizon_days,
        daily.horizon_date,
        false as is_date_approximate,
        daily.value,
        daily.value_upper_bound,
        daily.value_null_reason,
        daily.is_censored,
        coalesce(daily.horizon_date >= daily.next_wave_date, false) as is_after_next_wave,
        case when daily.role = 'destination' then daily.persistence end as persistence,
        case when daily.role = 'destination' then daily.persistence_upper_bound end
            as persistence_upper_bound,
        daily.value_null_reason as persistence_reason,
        case when daily.role = 'destination' then daily.excess_retention end as excess_retention,
        case when daily.role = 'destination' then daily.excess_retention_upper_bound end
            as excess_retention_upper_bound,
        coalesce(daily.rise_null_reason, daily.value_null_reason) as excess_retention_reason,
        case when daily.role = 'destination' then daily.sticky_uplift end as sticky_uplift,
        daily.onset_horizon_date as sticky_uplift_date,
        daily.sticky_uplift_reason,
        -- A trough that does not stand out from the baseline is no loss that could be made good.
        case
            when
                daily.role = 'origin'
                and daily.signal_family != 'chart'
                and daily.trough_value < daily.baseline - {{ design.surge_z }} * daily.baseline_scale
                then (daily.value - daily.trough_value) / (daily.baseline - daily.trough_value)
        end as bounce_back,
        case
            when removed.removed_days is not null
                then
                    'the origin was removed from the store on ' || removed.removed_days
                    || ' days of the window: its position there is not defined'
            when daily.signal_family = 'chart'
                then 'a chart counts installs: an origin does not fall in it when its users leave'
            when daily.baseline is null then daily.baseline_null_reason
            when daily.baseline_scale is null
                then 'the baseline does not vary: nothing tells how much is much'
            when daily.trough_value >= daily.baseline - {{ design.surge_z }} * daily.baseline_scale
                then 'the origin did not fall: no day of the window stands out below the baseline'
            else daily.value_null_reason
        end as bounce_back_reason,
        daily.provenance
    from daily
    left join removed
        on
            daily.episode_id = removed.episode_id
            and daily.platform_id = removed.platform_id
            and daily.series_id = removed.series_id
),

of_figures as (
    select
        episode_id,
        platform_id,
        role,
        series_id,
        'published' as signal_family,
        proxy as signal,
        cast(null as varchar) as store,
        cast(null as varchar) as country,
        cast(null as varchar) as chart,
        geography,
        provider,
        confidence,
        anchor_date,
        anchor_value,
        base_value,
        case
            when scale = 'change_pct' then 'what_the_change_was_told_against'
            when base_value is not null then 'last_figure_before_the_window'
        end as base_method,
        {{ days_between('anchor_date', 'series_date') }} as horizon_days,
        series_date as horizon_date,
        is_date_approximate,
        value,
        cast(null as double) as value_upper_bound,
        cast(null as varchar) as value_null_reason,
        false as is_censored,
        coalesce(series_date >= next_wave_date, false) as is_after_next_wave,
        case when role = 'destination' and series_date > anchor_date then value / anchor_value end
            as persistence,
        cast(null as double) as persistence_upper_bound,
        case when series_date = anchor_date then 'the figure is itself the peak' end as persistence_reason,
        case
            when role = 'destination' and series_date > anchor_date and anchor_value > base_value
                then (value - base_value) / (anchor_value - base_value)
        end as excess_retention,
        cast(null as double) as excess_retention_upper_bound,
        case
            when series_date = anchor_date then 'the figure is itself the peak'
            when base_value is null then 'no figure tells the level before'
            when anchor_value <= base_value then 'the peak does not rise above the level before'
        end as excess_retention_reason,
        case when role = 'destination' and base_value > 0 then value / base_value end as sticky_uplift,
        series_date as sticky_uplift_date,
        case when base_value is null then 'no figure tells the level before' end as sticky_uplift_reason,
        case
            when role = 'origin' and series_date > anchor_date and anchor_value < base_value
                then (value - anchor_value) / (base_value - anchor_value)
        end as bounce_back,
        case
            when base_value is null then 'no figure tells the level before'
            when anchor_value >= base_value
                then 'the origin did not fall: no figure of the window is below the level before'
            when series_date = anchor_date then 'the figure is itself the trough'
        end as bounce_back_reason,
        provenance
    from {{ ref('int_episode_published_days') }}
    where series_date >= anchor_date
),

together as (
    select * from of_series
    union all
    select * from of_figures
)

select
    episode_id,
    platform_id,
    role,
    series_id,
    signal_family,
    signal,
    store,
    country,
    chart,
    geography,
    provider,
    confidence,
    case when anchor_date is null then null when role = 'origin' then 'trough' else 'peak' end as anchor_kind,
    anchor_date,
    anchor_value,
    base_value,
    case when base_value is not null then base_method end as base_method,
    cast(horizon_days as bigint) as horizon_days,
    horizon_date,
    is_date_approximate,
    value,
    value_upper_bound,
    value_null_reason,
    is_censored,
    is_after_next_wave,
    persistence,
    persistence_upper_bound,
    case
        when persistence is not null then null
        when role = 'origin' then 'asked of a destination alone'
        else persistence_reason
    end as persistence_null_reason,
    excess_retention,
    excess_retention_upper_bound,
    case
        when excess_retention is not null then null
        when role = 'origin' then 'asked of a destination alone'
        else excess_retention_reason
    end as excess_retention_null_reason,
    sticky_uplift,
    case when sticky_uplift is not null then sticky_uplift_date end as sticky_uplift_date,
    case
        when sticky_uplift is not null then null
        when role = 'origin' then 'asked of a destination alone'
        else sticky_uplift_reason
    end as sticky_uplift_null_reason,
    bounce_back,
    case
        when bounce_back is not null then null
        when role = 'destination' then 'asked of the origin alone'
        else bounce_back_reason
    end as bounce_back_null_reason,
    provenance
from together
order by episode_id, platform_id, series_id, horizon_days
