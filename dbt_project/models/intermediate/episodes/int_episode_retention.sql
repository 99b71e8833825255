{% set design = episode_design() %}
with shapes as (
    select * from {{ ref('int_episode_shapes') }}
),

days as (
    select * from {{ ref('int_episode_series_days') }}
),

horizons as (
    {% for horizon in design.horizons -%}
        select cast({{ horizon }} as integer) as horizon_days
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

asked as (
    select
        shapes.*,
        horizons.horizon_days,
        {{ days_after('shapes.peak_date', 'horizons.horizon_days') }} as peak_horizon_date,
        {{ days_after('shapes.onset_date', 'horizons.horizon_days') }} as onset_horizon_date,
        {{ days_after('shapes.trough_date', 'horizons.horizon_days') }} as trough_horizon_date
    from shapes
    cross join horizons
)

select
    asked.episode_id,
    asked.platform_id,
    asked.role,
    asked.series_id,
    asked.signal_family,
    asked.signal,
    asked.store,
    asked.country,
    asked.chart,
    asked.geography,
    asked.window_start,
    asked.window_end,
    asked.next_wave_date,
    asked.baseline,
    asked.baseline_scale,
    asked.baseline_null_reason,
    asked.onset_null_reason,
    asked.rise_null_reason,
    asked.peak_null_reason,
    asked.trough_null_reason,
    asked.peak_date,
    asked.peak_value,
    asked.trough_date,
    asked.trough_value,
    asked.provenance,
    asked.horizon_days,
    asked.peak_horizon_date,
    asked.onset_horizon_date,
    asked.trough_horizon_date,
    {{ seen_value('after_peak') }} as value_after_peak,
    after_peak.value_upper_bound as value_after_peak_upper_bound,
    {{ missing_day_reason('peak_horizon_date', 'after_peak') }} as value_after_peak_null_reason,
    coalesce(after_peak.is_censored, false) as value_after_peak_is_censored,
    {{ seen_value('after_onset') }} as value_after_onset,
    {{ missing_day_reason('onset_horizon_date', 'after_onset') }} as value_after_onset_null_reason,
    {{ seen_value('after_trough') }} as value_after_trough,
    after_trough.value_upper_bound as value_after_trough_upper_bound,
    {{ missing_day_reason('trough_horizon_date', 'after_trough') }} as value_after_trough_null_reason,
    coalesce(after_trough.is_censored, false) as value_after_trough_is_censored,
    case
        when asked.rise_null_reason is null
            then ({{ seen_value('after_peak') }} - asked.baseline) / (asked.peak_value - asked.baseline)
    end as excess_retention,
    case
        when asked.rise_null_reason is null
            then (after_peak.value_upper_bound - asked.baseline) / (asked.peak_value - asked.baseline)
    end as excess_retention_upper_bound,
    case when asked.peak_date is not null then {{ seen_value('after_peak') }} / asked.peak_value end
        as persistence,
    case when asked.peak_date is not null then after_peak.value_upper_bound / asked.peak_value end
        as persistence_upper_bound,
    case when asked.baseline > 0 then {{ seen_value('after_onset') }} / asked.baseline end as sticky_uplift
from asked
left join days as after_peak
    on
        asked.episode_id = after_peak.episode_id
        and asked.platform_id = after_peak.platform_id
        and asked.series_id = after_peak.series_id
        and asked.peak_horizon_date = after_peak.series_date
left join days as after_onset
    on
        asked.episode_id = after_onset.episode_id
        and asked.platform_id = after_onset.platform_id
        and asked.series_id = after_onset.series_id
        and asked.onset_horizon_date = after_onset.series_date
left join days as after_trough
    on
        asked.episode_id = after_trough.episode_id
        and asked.platform_id = after_trough.platform_id
        and asked.series_id = after_trough.series_id
        and asked.trough_horizon_date = after_trough.series_date
