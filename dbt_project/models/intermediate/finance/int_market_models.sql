{%- set design = event_study_design() %}
with returns as (
    select * from {{ ref('int_event_returns') }}
),

studied as (
    select
        event_id,
        event_date,
        symbol,
        company_id,
        benchmark_symbol,
        vintage,
        min(case when tau = 0 then session_date end) as event_session_date
    from returns
    group by event_id, event_date, symbol, company_id, benchmark_symbol, vintage
),

fitted as (
    select
        event_id,
        company_id,
        count(*) as sessions,
        min(session_date) as first_date,
        max(session_date) as last_date,
        {{ in_order('regr_intercept', 'simple_return, market_return', 'tau') }} as alpha,
        {{ in_order('regr_slope', 'simple_return, market_return', 'tau') }} as beta,
        {{ in_order('regr_sxx', 'simple_return, market_return', 'tau') }} as sxx,
        {{ in_order('regr_syy', 'simple_return, market_return', 'tau') }} as syy,
        {{ in_order('regr_sxy', 'simple_return, market_return', 'tau') }} as sxy,
        {{ in_order('avg', 'market_return', 'tau') }} as mean_market_return,
        count(*) >= {{ design.estimation_minimum }}
        and min(market_return) < max(market_return) as is_estimated
    from returns
    where
        tau between {{ design.estimation_first }} and {{ design.estimation_last }}
        and simple_return is not null
        and market_return is not null
    group by event_id, company_id
)

select
    studied.event_id,
    studied.event_date,
    studied.symbol,
    studied.company_id,
    studied.benchmark_symbol,
    studied.vintage,
    studied.event_session_date,
    coalesce(fitted.sessions, 0) as estimation_sessions,
    fitted.first_date as estimation_first_date,
    fitted.last_date as estimation_last_date,
    case when fitted.is_estimated then fitted.alpha end as alpha,
    case when fitted.is_estimated then fitted.beta end as beta,
    case
        when fitted.is_estimated
            -- Rounding may leave the sum just below zero where the fit is perfect.
            then sqrt(greatest(fitted.syy - fitted.beta * fitted.sxy, 0) / (fitted.sessions - 2))
    end as sigma,
    fitted.mean_market_return,
    fitted.sxx as market_sum_of_squares
from studied
left join fitted
    on
        studied.event_id = fitted.event_id
        and studied.company_id = fitted.company_id
