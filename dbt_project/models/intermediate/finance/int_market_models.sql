{%- set design = event_study_design() %}
with returns as (
    select * from {{ ref('int_event_returns') }}
),

fitted as (
    select
        event_id,
        symbol,
        min(case when tau = 0 then session_date end) as event_session_date,
        min(estimation_date) as estimation_first_date,
        max(estimation_date) as estimation_last_date,
        count(estimation_return) as sessions,
        regr_slope(estimation_return, estimation_market) as beta,
        regr_intercept(estimation_return, estimation_market) as alpha,
        regr_syy(estimation_return, estimation_market) as syy,
        regr_sxx(estimation_return, estimation_market) as sxx,
        regr_sxy(estimation_return, estimation_market) as sxy,
        avg(estimation_market) as mean_market_return
    from (
        select
            event_id,
            symbol,
            tau,
            session_date,
            case when is_estimation then session_date end as estimation_date,
            case when is_estimation then simple_return end as estimation_return,
            case when is_estimation then market_return end as estimation_market
        from (
            select
                *,
                tau between {{ design.estimation_first }} and {{ design.estimation_last }}
                and simple_return is not null
                and market_return is not null as is_estimation
            from returns
        ) as marked
    ) as estimation
    group by event_id, symbol
)

select
    event_id,
    symbol,
    event_session_date,
    estimation_first_date,
    estimation_last_date,
    sessions as estimation_sessions,
    case when sessions >= {{ design.estimation_minimum }} then alpha end as alpha,
    case when sessions >= {{ design.estimation_minimum }} then beta end as beta,
    case
        when sessions >= {{ design.estimation_minimum }}
            -- Rounding may leave a residual sum just below zero where the fit is perfect.
            then sqrt(greatest(syy - beta * sxy, 0) / (sessions - 2))
    end as sigma,
    sxx,
    mean_market_return
from fitted
