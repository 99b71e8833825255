{%- set design = surge_design() %}
{#- Four weeks that the recursions see, each day against four of residuals, each against four of values. #}
{%- set look_back = 27 + 2 * design.baseline_days %}
{{ config(
    materialized='incremental',
    meta={
        'day': 'series_date',
        'look_back': look_back,
        'spread': 'next_observation',
        'whole': 'day_zones',
        'years_of': 'int_daily_series'
    }
) }}
-- depends_on: {{ ref('int_daily_series') }}
-- depends_on: {{ ref('fct_attention_daily') }}
-- depends_on: {{ ref('fct_news_daily') }}
{%- set half = design.baseline_days // 2 %}
{%- set early_last = design.baseline_days - half + 1 %}
{#- Of days that stay, what stands in the table need not be told again. #}
{%- set read_back = design.baseline_days if is_incremental() else look_back %}
with observations as (
    select * from {{ ref('int_series_observations') }}
    where {{ near_touched('series_date', read_back) }}
),

looked_back as (
    select
        *,
        lag(series_date) over of_regime as previous_date,
        lag(usable_value) over of_regime as previous_value,
        lag(is_censored) over of_regime as previous_is_censored,
        count(usable_value) over of_baseline as baseline_days,
        {{ median_over('usable_value', 'of_baseline') }} as baseline_median,
        {{ mad_over('usable_value', 'of_baseline') }} as baseline_mad,
        count(usable_value) over of_early_half as early_days,
        {{ median_over('usable_value', 'of_early_half') }} as early_median,
        count(usable_value) over of_late_half as late_days,
        {{ median_over('usable_value', 'of_late_half') }} as late_median,
        max(usable_value) over of_week_before as value_week_before
    from observations
    window
        of_regime as (partition by series_id, regime order by day_number),
        of_baseline as (
            partition by series_id, regime
            order by day_number
            range between {{ design.baseline_days }} preceding and 1 preceding
        ),
        of_early_half as (
            partition by series_id, regime
            order by day_number
            range between {{ design.baseline_days }} preceding and {{ early_last }} preceding
        ),
        of_late_half as (
            partition by series_id, regime
            order by day_number
            range between {{ design.baseline_days - half }} preceding and 1 preceding
        ),
        of_week_before as (
            partition by series_id, regime
            order by day_number
            range between 7 preceding and 7 preceding
        )
),

-- What was observed last before all that is read, of series that have nothing in it.
seen_before as (
    select
        series_id,
        regime,
        series_date,
        usable_value,
        is_censored,
        row_number() over (partition by series_id, regime order by series_date desc) as days_ago
    from {{ ref('int_series_observations') if is_by_years() else stored_rows('looked_back') }}
    where
        {{ 'true' if is_by_years() else is_kept('series_date') }}
        and series_date < {{ days_after(bound_of_days('first'), -read_back) }}
        and series_id in (
            select looked_back.series_id from looked_back
            where looked_back.previous_date is null and {{ is_touched('looked_back.series_date') }}
        )
),

windowed as (
    select
        looked_back.* replace (
            coalesce(looked_back.previous_date, seen_before.series_date) as previous_date,
            case
                when looked_back.previous_date is null then seen_before.usable_value
                else looked_back.previous_value
            end as previous_value,
            case
                when looked_back.previous_date is null then seen_before.is_censored
                else looked_back.previous_is_censored
            end as previous_is_censored
        )
    from looked_back
    left join seen_before
        on
            looked_back.series_id = seen_before.series_id
            and looked_back.regime = seen_before.regime
            and seen_before.days_ago = 1
),

{% if is_incremental() -%}
stored as (
    select
        series_id,
        series_date,
        residual,
        detrended_z
    from {{ this }}
    where {{ near_touched('series_date', read_back) }} and {{ is_kept('series_date') }}
),

{% endif -%}
-- The line through the medians of both halves of the baseline, drawn on to the day: a trend is no surge.
detrended as (
    select
        windowed.*,
        {{ least_scale('windowed.signal_family', 'windowed.signal', 'windowed.baseline_median') }}
            as least_scale,
        {{ 'stored.detrended_z' if is_incremental() else 'cast(null as double)' }} as stored_detrended_z,
        {{ 'stored.series_id is not null' if is_incremental() else 'false' }} as is_stored,
        case
            {% if is_incremental() -%}
            when stored.series_id is not null then stored.residual
            {% endif -%}
            when windowed.early_days >= {{ half // 2 }} and windowed.late_days >= {{ half // 2 }}
                then
                    windowed.usable_value - windowed.late_median
                    - (windowed.late_median - windowed.early_median) * {{ (half + 1) / 2 }} / {{ half }}
        end as residual
    from windowed
    {%- if is_incremental() %}
    left join stored
        on
            windowed.series_id = stored.series_id
            and windowed.series_date = stored.series_date
    {%- endif %}
),

residuals as (
    select
        *,
        count(residual) over of_baseline as residual_days,
        {{ median_over('residual', 'of_baseline') }} as residual_median,
        {{ mad_over('residual', 'of_baseline') }} as residual_mad
    from detrended
    window of_baseline as (
        partition by series_id, regime
        order by day_number
        range between {{ design.baseline_days }} preceding and 1 preceding
    )
),

scaled as (
    select
        *,
        case
            when baseline_days >= {{ design.baseline_minimum }}
                then greatest({{ mad_to_sigma() }} * baseline_mad, least_scale)
        end as scale,
        case
            when is_stored then stored_detrended_z
            when residual is not null and residual_days >= {{ design.baseline_minimum }}
                then
                    (residual - residual_median)
                    / greatest({{ mad_to_sigma() }} * residual_mad, least_scale)
        end as detrended_z
    from residuals
),

-- Four weeks are what the recursions remember: then a day needs no others.
remembered as (
    select
        *,
        {{ remembered_days('detrended_z', 'z', 'of_regime') }},
        {{ remembered_days('usable_value', 'x', 'of_regime') }}
    from scaled
    window of_regime as (partition by series_id, regime order by day_number)
),

-- A week of steps at a time, the oldest first.
week_1 as (
    select
        *,
        {{ cusum_steps('z', 27, 21, '0.0', design.cusum_slack) }} as up_1,
        {{ cusum_steps('-z', 27, 21, '0.0', design.cusum_slack) }} as down_1,
        {{ ewma_steps('x', 27, 21, 'baseline_median', design.ewma_weight) }} as average_1
    from remembered
),

week_2 as (
    select
        *,
        {{ cusum_steps('z', 20, 14, 'up_1', design.cusum_slack) }} as up_2,
        {{ cusum_steps('-z', 20, 14, 'down_1', design.cusum_slack) }} as down_2,
        {{ ewma_steps('x', 20, 14, 'average_1', design.ewma_weight) }} as average_2
    from week_1
),

week_3 as (
    select
        *,
        {{ cusum_steps('z', 13, 7, 'up_2', design.cusum_slack) }} as up_3,
        {{ cusum_steps('-z', 13, 7, 'down_2', design.cusum_slack) }} as down_3,
        {{ ewma_steps('x', 13, 7, 'average_2', design.ewma_weight) }} as average_3
    from week_2
),

week_4 as (
    select
        *,
        {{ cusum_steps('z', 6, 0, 'up_3', design.cusum_slack) }} as up_4,
        {{ cusum_steps('-z', 6, 0, 'down_3', design.cusum_slack) }} as down_4,
        {{ ewma_steps('x', 6, 0, 'average_3', design.ewma_weight) }} as average_4
    from week_3
)

select
    series_id,
    platform_id,
    signal_family,
    signal,
    store,
    country,
    chart,
    geography,
    day_zone,
    series_date,
    day_number,
    value,
    total,
    usable_value,
    is_censored,
    provenance,
    regime,
    regime_date,
    regime_reason,
    outage_reason,
    previous_date,
    previous_value,
    previous_is_censored,
    value_week_before,
    baseline_days,
    baseline_median,
    baseline_mad,
    least_scale,
    scale,
    (usable_value - baseline_median) / nullif(scale, 0) as robust_z,
    residual,
    residual_days,
    detrended_z,
    case when detrended_z is not null then up_4 end as cusum_up,
    case when detrended_z is not null then down_4 end as cusum_down,
    case when scale is not null and usable_value is not null then average_4 end as ewma
from week_4
where {{ is_touched('series_date') }}
-- Days that are asked for together stand together.
order by series_date
