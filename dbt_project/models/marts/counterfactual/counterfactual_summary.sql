{%- set design = counterfactual_design() -%}
with designs as (
    select * from {{ ref('int_counterfactual_designs') }}
),

fits as (
    select * from {{ ref('int_counterfactual_fits') }}
),

-- The last day of a fit holds the sum over all of its observed days.
final as (
    select
        *,
        row_number() over (
            partition by episode_id, series_id, is_placebo
            order by series_date desc
        ) as day_from_last
    from fits
),

-- Which values may in truth be lower or higher. A log rank beyond the depth is the best that it may be, a
-- visibility of 0 the least; at rank 1 demand may be anything above.
bounds as (
    select
        designs.episode_id,
        designs.series_id,
        designs.is_placebo,
        count(series.value) as observed_days,
        count(case when series.series_date >= designs.event_date and series.value is not null then 1 end)
            as observed_post_days,
        count(case when series.series_date < designs.event_date and series.value is not null then 1 end)
            as observed_pre_days,
        count(case when series.series_date < designs.event_date and series.is_censored then 1 end)
            as off_chart_pre_days,
        count(case when series.series_date >= designs.event_date and series.is_censored then 1 end)
            as off_chart_post_days,
        count(
            case
                when
                    series.series_date < designs.event_date
                    and series.value = case series.signal
                        when 'chart_visibility' then 1
                        when 'chart_log_rank' then 0
                    end
                    then 1
            end
        ) as rank_one_pre_days,
        count(
            case
                when
                    series.series_date >= designs.event_date
                    and series.value = case series.signal
                        when 'chart_visibility' then 1
                        when 'chart_log_rank' then 0
                    end
                    then 1
            end
        ) as rank_one_post_days
    from designs
    left join {{ ref('int_series_near_episodes') }} as series
        on
            designs.series_id = series.series_id
            and designs.first_date <= series.series_date
            and designs.last_date >= series.series_date
            and series.value is not null
    group by designs.episode_id, designs.series_id, designs.is_placebo
),

candidates as (
    select
        episode_id,
        series_id,
        count(*) as controls_listed,
        count(case when is_clean then 1 end) as controls_clean
    from {{ ref('int_counterfactual_candidates') }}
    group by episode_id, series_id
),

estimates as (
    select
        designs.*,
        final.observed_sum,
        final.sum_mean,
        final.sum_lower_90,
        final.sum_upper_90,
        final.sum_lower_95,
        final.sum_upper_95,
        final.sum_tail_probability,
        final.controls_used,
        final.has_weekly_pattern,
        final.has_free_level,
        final.mape,
        final.wape,
        bounds.observed_pre_days,
        bounds.observed_post_days,
        bounds.off_chart_pre_days,
        bounds.off_chart_post_days,
        bounds.rank_one_pre_days,
        bounds.rank_one_post_days,
        coalesce(candidates.controls_listed, 0) as controls_listed,
        coalesce(candidates.controls_clean, 0) as controls_clean,
        coalesce(
            final.null_reason,
            case when bounds.observed_post_days = 0 then 'no day was observed from the date on' end
        ) as null_reason
    from designs
    left join final
        on
            designs.episode_id = final.episode_id
            and designs.series_id = final.series_id
            and designs.is_placebo = final.is_placebo
            and final.day_from_last = 1
    left join bounds
        on
            designs.episode_id = bounds.episode_id
            and designs.series_id = bounds.series_id
            and designs.is_placebo = bounds.is_placebo
    left join candidates
        on
            designs.episode_id = candidates.episode_id
            and designs.series_id = candidates.series_id
),

effects as (
    select
        *,
        case when null_reason is null then observed_sum - sum_mean end as cumulative_effect,
        case when null_reason is null then observed_sum - sum_upper_90 end as cumulative_effect_lower_90,
        case when null_reason is null then observed_sum - sum_lower_90 end as cumulative_effect_upper_90,
        case when null_reason is null then observed_sum - sum_upper_95 end as cumulative_effect_lower_95,
        case when null_reason is null then observed_sum - sum_lower_95 end as cumulative_effect_upper_95,
        case when null_reason is null then sum_lower_95 > 0 end as is_relative,
        -- What may be lower overstates itself: before the date it hides an effect, after it it makes one.
        case
            when signal = 'chart_log_rank' then off_chart_pre_days + rank_one_post_days
            when signal = 'chart_visibility' then off_chart_post_days + rank_one_post_days
            else 0
        end as days_that_understate,
        case
            when signal = 'chart_log_rank' then off_chart_post_days + rank_one_pre_days
            when signal = 'chart_visibility' then off_chart_pre_days + rank_one_pre_days
            else 0
        end as days_that_overstate
    from estimates
),

told as (
    select
        effects.*,
        placebo.cumulative_effect_lower_95 <= 0 and placebo.cumulative_effect_upper_95 >= 0
            as is_placebo_quiet,
        placebo.null_reason as placebo_reason
    from effects
    left join effects as placebo
        on
            effects.episode_id = placebo.episode_id
            and effects.series_id = placebo.series_id
            and placebo.is_placebo
            and not effects.is_placebo
),

judged as (
    select
        *,
        case
            when is_placebo_quiet is null
                then '(a) no placebo: ' || coalesce(placebo_reason, 'there is no placebo date') || '; '
            when not is_placebo_quiet then '(a) the placebo date shows an effect; '
            else ''
        end
        || case
            when null_reason is not null then ''
            when mape is null then '(b) most values before the date are 0: no percentage errors; '
            when mape > {{ design.mape_limit }}
                then '(b) one-step predictions miss by more than {{ (100 * design.mape_limit) | int }} %; '
            else ''
        end
        || case when null_reason is not null then '(c) no interval: ' || null_reason || '; ' else '' end
        || case
            when controls_clean = 0 then '(d) none of ' || controls_listed || ' listed controls is clean; '
            else ''
        end as shortcomings
    from told
)

select
    episode_id,
    platform_id,
    series_id,
    is_placebo,
    signal_family,
    signal,
    store,
    country,
    chart,
    event_date,
    last_date,
    observed_pre_days,
    observed_post_days,
    cumulative_effect / observed_post_days as average_effect,
    cumulative_effect_lower_90 / observed_post_days as average_effect_lower_90,
    cumulative_effect_upper_90 / observed_post_days as average_effect_upper_90,
    cumulative_effect_lower_95 / observed_post_days as average_effect_lower_95,
    cumulative_effect_upper_95 / observed_post_days as average_effect_upper_95,
    cumulative_effect,
    cumulative_effect_lower_90,
    cumulative_effect_upper_90,
    cumulative_effect_lower_95,
    cumulative_effect_upper_95,
    case when null_reason is null then sum_tail_probability end as tail_probability,
    cumulative_effect_lower_95 > 0 or cumulative_effect_upper_95 < 0 as is_effect,
    case
        when null_reason is not null then null
        when days_that_understate > 0 and days_that_overstate > 0 then 'undetermined'
        when days_that_understate > 0 then 'at_least'
        when days_that_overstate > 0 then 'at_most'
        else 'exact'
    end as effect_bound,
    null_reason as effect_null_reason,
    case when is_relative then observed_sum / sum_mean - 1 end as relative_effect,
    case when is_relative then observed_sum / sum_upper_90 - 1 end as relative_effect_lower_90,
    case when is_relative then observed_sum / sum_lower_90 - 1 end as relative_effect_upper_90,
    case when is_relative then observed_sum / sum_upper_95 - 1 end as relative_effect_lower_95,
    case when is_relative then observed_sum / sum_lower_95 - 1 end as relative_effect_upper_95,
    case
        when null_reason is not null then null_reason
        when not is_relative then 'the prediction of the sum may be zero or less'
    end as relative_effect_null_reason,
    mape as pre_period_mape,
    case
        when mape is not null then null
        when observed_pre_days < {{ design.minimum_days }} then null_reason
        else coalesce(null_reason, 'most values before the date are 0')
    end as pre_period_mape_null_reason,
    wape as pre_period_wape,
    case when wape is null then coalesce(null_reason, 'all values before the date are 0') end
        as pre_period_wape_null_reason,
    has_weekly_pattern,
    has_free_level,
    controls_used,
    controls_clean,
    controls_listed,
    case when not is_placebo then shortcomings = '' end as is_acceptable,
    case when not is_placebo then nullif(rtrim(shortcomings, '; '), '') end as not_acceptable_because,
    case when is_placebo then 'a placebo is judged by finding nothing' end as is_acceptable_null_reason
from judged
order by episode_id, series_id, is_placebo
