{%- set design = surge_design() %}
{%- set half = design.baseline_days // 2 %}
{%- set memory = design.memory %}
with observations as (
    select * from {{ ref('int_series_observations') }}
),

windowed as (
    select
        *,
        lag(series_date) over of_regime as previous_date,
        lag(day_number) over of_regime as previous_day_number,
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
            range between {{ design.baseline_days }} preceding and {{ design.baseline_days - half + 1 }} preceding
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

-- The line through the medians of both halves of the baseline, drawn on to the day: a trend is no surge.
detrended as (
    select
        *,
        {{ least_scale('signal_family', 'signal', 'baseline_median') }} as least_scale,
        case
            when early_days >= {{ half // 2 }} and late_days >= {{ half // 2 }}
                then
                    usable_value - late_median
                    - (late_median - early_median) * {{ (half + 1) / 2 }} / {{ half }}
        end as residual
    from windowed
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
            when residual is not null and residual_days >= {{ design.baseline_minimum }}
                then
                    (residual - residual_median)
                    / greatest({{ mad_to_sigma() }} * residual_mad, least_scale)
        end as detrended_z
    from residuals
),

-- What the recursions remember: the days back to {{ memory }} days ago. Then a day needs no others.
remembered as (
    select
        *,
        (usable_value - baseline_median) / nullif(scale, 0) as robust_z,
        {%- for back in range(memory) %}
        case
            when day_number - lag(day_number, {{ back }}) over of_regime < {{ memory }}
                then lag(detrended_z, {{ back }}) over of_regime
        end as z_{{ back }},
        case
            when day_number - lag(day_number, {{ back }}) over of_regime < {{ memory }}
                then lag(usable_value, {{ back }}) over of_regime
        end as x_{{ back }}{{ ',' if not loop.last }}
        {%- endfor %}
    from scaled
    window of_regime as (partition by series_id, regime order by day_number)
)

{%- set weight = design.ewma_weight %}
{%- set ns = namespace(up='0.0', down='0.0', ewma='baseline_median') %}
{%- for back in range(memory - 1, -1, -1) %}
{%- set ns.up = 'greatest(0.0, coalesce(z_' ~ back ~ ' - ' ~ design.cusum_slack ~ ', 0.0) + ' ~ ns.up ~ ')' %}
{%- set ns.down = 'greatest(0.0, coalesce(-z_' ~ back ~ ' - ' ~ design.cusum_slack ~ ', 0.0) + ' ~ ns.down ~ ')' %}
{%- set ns.ewma -%}
coalesce(x_{{ back }} * {{ weight }}, 0.0)
+ (case when x_{{ back }} is null then 1.0 else {{ 1 - weight }} end) * ({{ ns.ewma }})
{%- endset %}
{%- endfor %}

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
    previous_day_number,
    previous_value,
    previous_is_censored,
    value_week_before,
    baseline_days,
    baseline_median,
    baseline_mad,
    least_scale,
    scale,
    robust_z,
    residual_days,
    detrended_z,
    case when detrended_z is not null then {{ ns.up }} end as cusum_up,
    case when detrended_z is not null then {{ ns.down }} end as cusum_down,
    case when scale is not null and usable_value is not null then {{ ns.ewma }} end as ewma
from remembered
