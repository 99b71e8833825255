{% set design = episode_design() %}
with peaks as (
    select * from {{ ref('int_episode_peaks') }}
),

onsets as (
    select * from {{ ref('int_episode_onsets') }}
),

days as (
    select * from {{ ref('int_episode_chart_days') }}
),

number_one as (
    select
        peaks.episode_id,
        peaks.platform_id,
        peaks.store,
        peaks.country,
        peaks.chart,
        count(
            case
                when
                    days.rank_status = 'not_fetched'
                    and days.store_date between peaks.first_number_one_date and peaks.last_number_one_date
                    then 1
            end
        ) as unobserved_days_in_span,
        min(
            case
                when
                    days.store_date > peaks.last_number_one_date
                    and (days.best_possible_rank > 1 or days.is_led_by_another)
                    then days.store_date
            end
        ) as number_one_lost_by_date
    from peaks
    inner join days
        on
            peaks.episode_id = days.episode_id
            and peaks.platform_id = days.platform_id
            and peaks.store = days.store
            and peaks.country = days.country
            and peaks.chart = days.chart
    where peaks.first_number_one_date is not null
    group by peaks.episode_id, peaks.platform_id, peaks.store, peaks.country, peaks.chart
),

-- A provider's series stands for a chart where it counts that country and that store.
decays as (
    select
        peaks.episode_id,
        peaks.platform_id,
        peaks.store,
        peaks.country,
        peaks.chart,
        decays.provider,
        decays.channel,
        decays.peak_date,
        decays.last_date,
        decays.points,
        decays.half_life_days,
        decays.half_life_null_reason,
        row_number() over (
            partition by peaks.episode_id, peaks.platform_id, peaks.store, peaks.country, peaks.chart
            order by
                case when decays.half_life_days is null then 1 else 0 end,
                -decays.points,
                decays.provider,
                decays.channel
        ) as preference
    from peaks
    inner join {{ ref('int_download_decays') }} as decays
        on
            peaks.episode_id = decays.episode_id
            and peaks.platform_id = decays.platform_id
            and peaks.country = decays.geography
            and (decays.channel is null or decays.channel like '%' || peaks.store || '%')
)

select
    peaks.episode_id,
    peaks.origin_platform_id,
    peaks.platform_id,
    peaks.store,
    peaks.country,
    peaks.chart,
    peaks.observed_days,
    onsets.onset_date,
    onsets.onset_after_date,
    case when onsets.onset_date is not null then 'first_ranked_day_of_observed_climb' end as onset_method,
    case
        when onsets.onset_date is not null then null
        when peaks.peak_date is null then 'never observed with a rank'
        when peaks.peak_date = peaks.first_observed_date
            then 'already at its best rank on the first observed day'
        else 'no worse position was observed before the best rank'
    end as onset_null_reason,
    peaks.first_number_one_date,
    peaks.last_number_one_date,
    peaks.days_at_number_one,
    {{ days_between('peaks.first_number_one_date', 'peaks.last_number_one_date') }} + 1 as span_days,
    case
        when peaks.first_number_one_date is not null then coalesce(number_one.unobserved_days_in_span, 0)
    end as unobserved_days_in_span,
    number_one.number_one_lost_by_date,
    case when peaks.first_number_one_date is not null then 'any_capture_of_the_store_day' end
        as number_one_method,
    case when peaks.first_number_one_date is null then 'never observed at rank 1' end
        as number_one_null_reason,
    peaks.peak_rank,
    peaks.peak_date,
    peaks.peak_plateau_days,
    case when peaks.peak_date is not null then 'best_rank_earliest_day' end as peak_method,
    case when peaks.peak_date is null then 'never observed with a rank' end as peak_null_reason,
    {{ days_between('onsets.onset_date', 'peaks.peak_date') }} as time_to_peak_days,
    decays.half_life_days,
    case
        when decays.half_life_days is null then null
        when decays.points = 2 then 'exponential_two_published_points'
        else 'exponential_regression'
    end as half_life_method,
    case
        when decays.half_life_days is not null then null
        else coalesce(
            decays.half_life_null_reason,
            'no level of daily downloads was published for this platform, country and store'
        )
    end as half_life_null_reason,
    case when decays.half_life_days is not null then decays.provider end as half_life_provider,
    case when decays.half_life_days is not null then decays.channel end as half_life_channel,
    case when decays.half_life_days is not null then decays.peak_date end as half_life_first_date,
    case when decays.half_life_days is not null then decays.last_date end as half_life_last_date,
    case when decays.half_life_days is not null then decays.points end as half_life_points,
    coalesce(first_place.days_at_number_one_close, 0) as days_at_number_one_close,
    coalesce(first_place.days_with_unknown_close, 0) as days_with_unknown_close,
    first_place.hours_at_number_one,
    case
        when first_place.hours_at_number_one is null
            then 'fewer than two captures of the chart tell their instant'
    end as hours_at_number_one_null_reason,
    first_place.longest_streak_days,
    case when first_place.longest_streak_days is null then 'never observed at rank 1' end
        as longest_streak_null_reason,
    dynamics.burst_class,
    case
        when dynamics.burst_class is null
            then coalesce(dynamics.burst_class_null_reason, 'never observed with a rank')
    end as burst_class_null_reason,
    {% for n in design.horizons -%}
        dynamics.persistence_{{ n }}d,
        case
            when dynamics.persistence_{{ n }}d is null
                then coalesce(dynamics.persistence_{{ n }}d_null_reason, 'never observed with a rank')
        end as persistence_{{ n }}d_null_reason,
        dynamics.persistence_{{ n }}d_upper_bound,
        dynamics.excess_retention_{{ n }}d,
        case
            when dynamics.excess_retention_{{ n }}d is null
                then coalesce(dynamics.excess_retention_{{ n }}d_null_reason, 'never observed with a rank')
        end as excess_retention_{{ n }}d_null_reason,
    {% endfor -%}
    bounce_backs.bounce_back as origin_bounce_back,
    bounce_backs.horizon_date as origin_bounce_back_date,
    bounce_backs.series_id as origin_bounce_back_series_id,
    case
        when bounce_backs.bounce_back is null
            then 'no series of the origin in this country shows a fall and what came after it'
    end as origin_bounce_back_null_reason
from peaks
left join onsets
    on
        peaks.episode_id = onsets.episode_id
        and peaks.platform_id = onsets.platform_id
        and peaks.store = onsets.store
        and peaks.country = onsets.country
        and peaks.chart = onsets.chart
left join number_one
    on
        peaks.episode_id = number_one.episode_id
        and peaks.platform_id = number_one.platform_id
        and peaks.store = number_one.store
        and peaks.country = number_one.country
        and peaks.chart = number_one.chart
left join decays
    on
        peaks.episode_id = decays.episode_id
        and peaks.platform_id = decays.platform_id
        and peaks.store = decays.store
        and peaks.country = decays.country
        and peaks.chart = decays.chart
        and decays.preference = 1
left join {{ ref('int_episode_number_one') }} as first_place
    on
        peaks.episode_id = first_place.episode_id
        and peaks.platform_id = first_place.platform_id
        and peaks.store = first_place.store
        and peaks.country = first_place.country
        and peaks.chart = first_place.chart
left join {{ ref('episode_dynamics') }} as dynamics
    on
        peaks.episode_id = dynamics.episode_id
        and peaks.platform_id = dynamics.platform_id
        and peaks.store = dynamics.store
        and peaks.country = dynamics.country
        and peaks.chart = dynamics.chart
        and dynamics.signal = 'chart_visibility'
left join {{ ref('int_origin_bounce_backs') }} as bounce_backs
    on
        peaks.episode_id = bounce_backs.episode_id
        and peaks.country = bounce_backs.geography
order by peaks.episode_id, peaks.country, peaks.store, peaks.chart, peaks.platform_id
