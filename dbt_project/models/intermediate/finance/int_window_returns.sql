{%- set design = event_study_design() %}
{{- config(materialized='table') }}
{%- set log_of = 'abnormal.{}_return' if design.returns == 'log' else 'ln(1 + abnormal.{}_return)' %}
with models as (
    select * from {{ ref('int_market_models') }}
),

abnormal as (
    select * from {{ ref('int_abnormal_returns') }}
    where is_event
),

windows as (
    {{ event_study_windows() }}
),

summed as (
    select
        models.event_id,
        models.company_id,
        windows.window_start,
        windows.window_end,
        windows.window_sessions,
        windows.is_designed,
        count(abnormal.tau) as n_sessions_in_window,
        {{ in_order('sum', 'abnormal.abnormal_return', 'abnormal.tau') }} as car,
        {{ in_order('sum', 'abnormal.market_deviation', 'abnormal.tau') }} as market_deviation,
        exp({{ in_order('sum', log_of | replace('{}', 'stock'), 'abnormal.tau') }})
        - exp({{ in_order('sum', log_of | replace('{}', 'market'), 'abnormal.tau') }}) as bhar,
        max(abnormal.limit_share) as price_limit_share,
        bool_or(abnormal.is_limit_hit) as limit_hit
    from models
    cross join windows
    left join abnormal
        on
            models.event_id = abnormal.event_id
            and models.company_id = abnormal.company_id
            and abnormal.tau between windows.window_start and windows.window_end
    group by
        models.event_id, models.company_id,
        windows.window_start, windows.window_end, windows.window_sessions, windows.is_designed
),

complete as (
    select
        *,
        n_sessions_in_window = window_sessions and car is not null as is_complete
    from summed
)

select
    complete.event_id,
    complete.company_id,
    complete.window_start,
    complete.window_end,
    complete.window_sessions,
    complete.is_designed,
    complete.n_sessions_in_window,
    case when complete.is_complete then complete.car end as car,
    case when complete.is_complete then complete.bhar end as bhar,
    case when complete.is_complete then complete.market_deviation end as market_deviation,
    nullif(models.sigma, 0) * sqrt(complete.window_sessions) as car_error,
    nullif(models.sigma, 0) * sqrt(
        complete.window_sessions
        + power(complete.window_sessions, 2) / models.estimation_sessions
        + power(complete.market_deviation, 2) / models.market_sum_of_squares
    ) as car_prediction_error,
    complete.price_limit_share,
    case when complete.is_complete then complete.limit_hit end as limit_hit
from complete
inner join models
    on
        complete.event_id = models.event_id
        and complete.company_id = models.company_id
