{%- set design = event_study_design() %}
{{- config(materialized='table') }}
with returns as (
    select
        *,
        {{ is_in_estimation('tau', 'session_date') }} as is_estimation,
        tau between {{ design.event_first }} and {{ design.event_last }} as is_event
    from {{ ref('int_event_returns') }}
    where stock_return is not null and market_return is not null
),

models as (
    select * from {{ ref('int_market_models') }}
),

limits as (
    select * from {{ ref('int_price_limit_hits') }}
),

abnormal as (
    select
        returns.event_id,
        returns.company_id,
        returns.vintage,
        returns.tau,
        returns.session_date,
        returns.is_estimation,
        returns.is_event,
        returns.stock_return,
        returns.market_return,
        models.estimation_sessions,
        models.sigma,
        models.market_sum_of_squares,
        returns.market_return - models.mean_market_return as market_deviation,
        returns.stock_return - (models.alpha + models.beta * returns.market_return) as abnormal_return
    from returns
    inner join models
        on
            returns.event_id = models.event_id
            and returns.company_id = models.company_id
    where returns.is_estimation or returns.is_event
)

-- The line is drawn through the estimation window, so its error is in the event's window alone.
select
    abnormal.event_id,
    abnormal.company_id,
    abnormal.tau,
    abnormal.session_date,
    abnormal.is_estimation,
    abnormal.is_event,
    abnormal.stock_return,
    abnormal.market_return,
    abnormal.market_deviation,
    abnormal.abnormal_return,
    abnormal.abnormal_return / nullif(abnormal.sigma, 0) / case
        when abnormal.is_event
            then sqrt(
                1
                + 1.0 / abnormal.estimation_sessions
                + power(abnormal.market_deviation, 2) / abnormal.market_sum_of_squares
            )
        else 1
    end as standardised_return,
    limits.limit_share,
    coalesce(limits.is_limit_hit, false) as is_limit_hit
from abnormal
left join limits
    on
        abnormal.company_id = limits.company_id
        and abnormal.vintage = limits.vintage
        and abnormal.session_date = limits.session_date
