{% set design = episode_design() %}
{% set key = 'episode_id, platform_id, series_id' %}
{% set exponential = 'ln(excess), days_since_peak' %}
{% set power_law = 'ln(value), ln(days_since_peak + 1.0)' %}
with points as (
    select * from {{ ref('int_episode_decay_points') }}
),

fits as (
    select
        {{ key }},
        count(*) as decay_points,
        {{ in_order('regr_slope', exponential, 'series_date') }} as exponential_slope,
        {{ in_order('regr_intercept', exponential, 'series_date') }} as exponential_intercept,
        {{ in_order('regr_r2', exponential, 'series_date') }} as exponential_r2,
        {{ in_order('regr_slope', power_law, 'series_date') }} as power_law_slope,
        {{ in_order('regr_intercept', power_law, 'series_date') }} as power_law_intercept,
        {{ in_order('regr_r2', power_law, 'series_date') }} as power_law_r2
    from points
    where points >= {{ design.decay_minimum }}
    group by {{ key }}
),

-- Both curves are judged by how well they give the logarithm of the level, on the same days.
errors as (
    select
        fits.episode_id,
        fits.platform_id,
        fits.series_id,
        {{ in_order(
            'sum',
            'power(ln(points.value) - ln(points.baseline'
            ~ ' + exp(fits.exponential_intercept + fits.exponential_slope * points.days_since_peak)), 2)',
            'points.series_date'
        ) }} as exponential_rss,
        {{ in_order(
            'sum',
            'power(ln(points.value) - fits.power_law_intercept'
            ~ ' - fits.power_law_slope * ln(points.days_since_peak + 1.0), 2)',
            'points.series_date'
        ) }} as power_law_rss
    from fits
    inner join points
        on
            fits.episode_id = points.episode_id
            and fits.platform_id = points.platform_id
            and fits.series_id = points.series_id
    group by fits.episode_id, fits.platform_id, fits.series_id
)

select
    fits.*,
    -- Akaike's criterion with two parameters; a perfect fit has no logarithm.
    fits.decay_points * ln(greatest(errors.exponential_rss / fits.decay_points, 1e-300)) + 4
        as exponential_aic,
    fits.decay_points * ln(greatest(errors.power_law_rss / fits.decay_points, 1e-300)) + 4
        as power_law_aic
from fits
inner join errors
    on
        fits.episode_id = errors.episode_id
        and fits.platform_id = errors.platform_id
        and fits.series_id = errors.series_id
