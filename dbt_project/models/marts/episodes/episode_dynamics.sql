{% set design = episode_design() %}
with shapes as (
    select * from {{ ref('int_episode_shapes') }}
),

retention as (
    select
        {% for n in design.horizons -%}
            max(case when horizon_days = {{ n }} then excess_retention end) as excess_retention_{{ n }}d,
            max(case when horizon_days = {{ n }} then persistence end) as persistence_{{ n }}d,
            max(case when horizon_days = {{ n }} then persistence_upper_bound end)
                as persistence_{{ n }}d_upper_bound,
            max(case when horizon_days = {{ n }} then value_after_peak_null_reason end) as missing_{{ n }}d,
        {% endfor -%}
        episode_id,
        platform_id,
        series_id
    from {{ ref('int_episode_retention') }}
    group by episode_id, platform_id, series_id
)

{% set no_fit -%}
coalesce(
            shapes.rise_null_reason,
            'fewer than {{ design.decay_minimum }} days with more excess than noise in a row, within '
            || '{{ design.decay_days }} days after the peak'
        )
{%- endset %}

select
    shapes.episode_id,
    shapes.platform_id,
    shapes.role,
    shapes.series_id,
    shapes.signal_family,
    shapes.signal,
    shapes.store,
    shapes.country,
    shapes.chart,
    shapes.geography,
    shapes.window_start,
    shapes.window_end,
    shapes.next_wave_date,
    shapes.observed_days,
    shapes.baseline_days,
    shapes.baseline_censored_days,
    shapes.baseline,
    shapes.baseline_mad,
    shapes.baseline_scale,
    shapes.baseline_scale_method,
    shapes.baseline_null_reason,
    shapes.onset_date,
    shapes.onset_null_reason,
    shapes.sustained_onset_date,
    case
        when shapes.sustained_onset_date is null
            then coalesce(shapes.onset_null_reason, 'no two days in a row stand out from the baseline')
    end as sustained_onset_null_reason,
    shapes.peak_date,
    shapes.peak_value,
    shapes.peak_plateau_days,
    -- Rank 1 is the highest that a chart can show: the demand behind it may be any higher.
    shapes.peak_value is not null and shapes.signal_family = 'chart' and shapes.peak_value >= 1
        as peak_is_lower_bound,
    shapes.peak_null_reason,
    {{ days_between('shapes.onset_date', 'shapes.peak_date') }} as time_to_peak_days,
    coalesce(shapes.peak_null_reason, shapes.onset_null_reason) as time_to_peak_null_reason,
    case when shapes.baseline > 0 then shapes.peak_value / shapes.baseline end as lift_x,
    case
        when shapes.baseline is null then shapes.baseline_null_reason
        when shapes.peak_date is null then shapes.peak_null_reason
        when shapes.baseline <= 0 then 'the baseline is zero'
    end as lift_null_reason,
    half_lives.half_life_days,
    half_lives.half_life_unobserved_days,
    half_lives.half_life_is_after_next_wave,
    half_lives.followed_days,
    case
        when half_lives.half_life_days is null
            then
                coalesce(
                    shapes.rise_null_reason,
                    'not seen at half of the peak''s excess by the last day observed, '
                    || half_lives.followed_days || ' days after the peak'
                )
    end as half_life_null_reason,
    half_lives.half_life_sustained_days,
    {{ reason_unless(
        'half_lives.half_life_sustained_days',
        "coalesce(shapes.rise_null_reason, 'not seen at half of the peak''s excess on three days in a row')"
    ) }} as half_life_sustained_null_reason,
    fits.decay_points,
    case when fits.exponential_slope < 0 then -ln(2.0) / fits.exponential_slope end
        as exponential_half_life_days,
    case
        when fits.decay_points is null then {{ no_fit }}
        when fits.exponential_slope >= 0 then 'the excess does not fall'
    end as exponential_half_life_null_reason,
    fits.exponential_r2,
    fits.exponential_aic,
    -fits.power_law_slope as power_law_exponent,
    fits.power_law_r2,
    fits.power_law_aic,
    {{ reason_unless('fits.decay_points', no_fit) }} as decay_fit_null_reason,
    curves.n as biexponential_n,
    curves.p as biexponential_p,
    curves.r as biexponential_r,
    curves.q as biexponential_q,
    curves.aic as biexponential_aic,
    case
        when curves.n is not null then null
        when fits.decay_points is null then {{ no_fit }}
        else 'fewer than 14 days to fit, or the fit did not converge'
    end as biexponential_null_reason,
    case
        when fits.decay_points is null then null
        when curves.aic < least(fits.exponential_aic, fits.power_law_aic) then 'biexponential'
        when fits.power_law_aic < fits.exponential_aic then 'power_law'
        else 'exponential'
    end as better_fit,
    shapes.peak_value / shapes.window_total as peak_fraction,
    case
        when fits.power_law_slope >= 0 or fits.power_law_r2 < 0.5 then null
        when fits.power_law_slope < -1.0 then 'exogenous_subcritical'
        when fits.power_law_slope < -0.4 then 'exogenous_critical'
        when fits.power_law_slope < 0 then 'endogenous_critical'
    end as burst_class,
    case
        when fits.decay_points is null then {{ no_fit }}
        when fits.power_law_slope >= 0 then 'the series does not fall'
        when fits.power_law_r2 < 0.5 then 'a power law tells less than half of how the series falls'
    end as burst_class_null_reason,
    {% for n in design.horizons -%}
        retention.excess_retention_{{ n }}d,
        {{ reason_unless(
            'retention.excess_retention_' ~ n ~ 'd',
            'coalesce(shapes.rise_null_reason, retention.missing_' ~ n ~ 'd)'
        ) }} as excess_retention_{{ n }}d_null_reason,
        retention.persistence_{{ n }}d,
        {{ reason_unless(
            'retention.persistence_' ~ n ~ 'd',
            'coalesce(shapes.peak_null_reason, retention.missing_' ~ n ~ 'd)'
        ) }} as persistence_{{ n }}d_null_reason,
        retention.persistence_{{ n }}d_upper_bound,
    {% endfor -%}
    shapes.provenance
from shapes
inner join retention
    on
        shapes.episode_id = retention.episode_id
        and shapes.platform_id = retention.platform_id
        and shapes.series_id = retention.series_id
left join {{ ref('int_episode_half_lives') }} as half_lives
    on
        shapes.episode_id = half_lives.episode_id
        and shapes.platform_id = half_lives.platform_id
        and shapes.series_id = half_lives.series_id
left join {{ ref('int_episode_decay_fits') }} as fits
    on
        shapes.episode_id = fits.episode_id
        and shapes.platform_id = fits.platform_id
        and shapes.series_id = fits.series_id
left join {{ ref('int_episode_biexponential_fits') }} as curves
    on
        shapes.episode_id = curves.episode_id
        and shapes.platform_id = curves.platform_id
        and shapes.series_id = curves.series_id
order by shapes.episode_id, shapes.platform_id, shapes.series_id
