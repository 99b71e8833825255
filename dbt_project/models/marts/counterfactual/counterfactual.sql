with designs as (
    select * from {{ ref('int_counterfactual_designs') }}
    where not is_placebo
),

fits as (
    select * from {{ ref('int_counterfactual_fits') }}
    where not is_placebo
),

failures as (
    select
        episode_id,
        series_id,
        null_reason
    from fits
    where null_reason is not null
),

days as (
    select
        episode_id,
        platform_id,
        series_id,
        signal_family,
        signal,
        store,
        country,
        chart,
        {{ each_day('event_date', 'last_date') }} as series_date
    from designs
),

joined as (
    select
        days.*,
        series.day_zone,
        series.value,
        fits.daily_mean as prediction,
        fits.daily_lower_90,
        fits.daily_upper_90,
        fits.daily_lower_95,
        fits.daily_upper_95,
        fits.observed_days,
        fits.observed_sum,
        fits.sum_mean,
        fits.sum_lower_90,
        fits.sum_upper_90,
        fits.sum_lower_95,
        fits.sum_upper_95,
        failures.null_reason as prediction_null_reason,
        coalesce(series.is_censored, false) as is_censored,
        case
            when series.series_id is null then 'nobody looked on this day'
            else series.value_null_reason
        end as value_null_reason,
        case when series.value is not null then fits.daily_tail_probability end as tail_probability,
        case when fits.observed_days > 0 then fits.sum_tail_probability end as cumulative_tail_probability,
        fits.observed_days > 0 as is_summed
    from days
    left join {{ ref('int_series_near_episodes') }} as series
        on
            days.series_id = series.series_id
            and days.series_date = series.series_date
    left join fits
        on
            days.episode_id = fits.episode_id
            and days.series_id = fits.series_id
            and days.series_date = cast(fits.series_date as date)
    left join failures
        on
            days.episode_id = failures.episode_id
            and days.series_id = failures.series_id
)

select
    episode_id,
    platform_id,
    series_id,
    series_date,
    day_zone,
    signal_family,
    signal,
    store,
    country,
    chart,
    value,
    is_censored,
    case when value is null then coalesce(value_null_reason, 'nobody looked on this day') end
        as value_null_reason,
    prediction,
    daily_lower_90 as prediction_lower_90,
    daily_upper_90 as prediction_upper_90,
    daily_lower_95 as prediction_lower_95,
    daily_upper_95 as prediction_upper_95,
    prediction_null_reason,
    value - prediction as effect,
    value - daily_upper_90 as effect_lower_90,
    value - daily_lower_90 as effect_upper_90,
    value - daily_upper_95 as effect_lower_95,
    value - daily_lower_95 as effect_upper_95,
    tail_probability,
    case
        when prediction is null then prediction_null_reason
        when value is null then coalesce(value_null_reason, 'nobody looked on this day')
    end as effect_null_reason,
    observed_days,
    case when is_summed then observed_sum - sum_mean end as cumulative_effect,
    case when is_summed then observed_sum - sum_upper_90 end as cumulative_effect_lower_90,
    case when is_summed then observed_sum - sum_lower_90 end as cumulative_effect_upper_90,
    case when is_summed then observed_sum - sum_upper_95 end as cumulative_effect_lower_95,
    case when is_summed then observed_sum - sum_lower_95 end as cumulative_effect_upper_95,
    cumulative_tail_probability,
    case
        when prediction is null then prediction_null_reason
        when not is_summed then 'no day was observed so far'
    end as cumulative_effect_null_reason,
    -- A ratio to a prediction that may be zero says nothing.
    case when is_summed and sum_lower_95 > 0 then observed_sum / sum_mean - 1 end as relative_effect,
    case when is_summed and sum_lower_95 > 0 then observed_sum / sum_upper_90 - 1 end
        as relative_effect_lower_90,
    case when is_summed and sum_lower_95 > 0 then observed_sum / sum_lower_90 - 1 end
        as relative_effect_upper_90,
    case when is_summed and sum_lower_95 > 0 then observed_sum / sum_upper_95 - 1 end
        as relative_effect_lower_95,
    case when is_summed and sum_lower_95 > 0 then observed_sum / sum_lower_95 - 1 end
        as relative_effect_upper_95,
    case
        when prediction is null then prediction_null_reason
        when not is_summed then 'no day was observed so far'
        when sum_lower_95 <= 0 then 'the prediction of the sum may be zero or less'
    end as relative_effect_null_reason
from joined
order by episode_id, series_id, series_date
