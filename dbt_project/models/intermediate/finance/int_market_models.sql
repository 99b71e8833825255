{%- set design = event_study_design() %}
{{- config(materialized='table') }}
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
        event_session_basis,
        min(case when tau = 0 then session_date end) as event_session_date
    from returns
    group by event_id, event_date, symbol, company_id, benchmark_symbol, vintage, event_session_basis
),

estimation as (
    select * from returns
    where {{ is_in_estimation('tau', 'session_date') }} and market_return is not null
),

counted as (
    select
        event_id,
        company_id,
        count(stock_return) as sessions,
        count(*) as market_sessions,
        min(case when stock_return is not null then session_date end) as first_date,
        max(case when stock_return is not null then session_date end) as last_date,
        count(stock_return) >= {{ design.estimation_minimum }}
        and min(case when stock_return is not null then market_return end)
        < max(case when stock_return is not null then market_return end) as is_estimated
    from estimation
    group by event_id, company_id
),

-- Running sums over the sessions in order end in the same digits at every build; aggregates that sort their
-- rows would hold them all at once. Regressions leave out sessions without the symbol's return.
running as (
    select
        event_id,
        company_id,
        regr_intercept(stock_return, market_return) over sessions_in_order as alpha,
        regr_slope(stock_return, market_return) over sessions_in_order as beta,
        regr_syy(stock_return, market_return) over sessions_in_order as syy,
        regr_sxy(stock_return, market_return) over sessions_in_order as sxy,
        {% if design.market_moments == 'own' -%}
            regr_sxx(stock_return, market_return) over sessions_in_order as sxx,
            regr_avgx(stock_return, market_return) over sessions_in_order as mean_market_return,
        {%- else -%}
            regr_sxx(market_return, market_return) over sessions_in_order as sxx,
            avg(market_return) over sessions_in_order as mean_market_return,
        {%- endif %}
        lead(tau) over sessions_in_order as next_tau
    from estimation
    window sessions_in_order as (partition by event_id, company_id order by tau)
),

fitted as (
    select
        counted.*,
        running.alpha,
        running.beta,
        running.syy,
        running.sxy,
        running.sxx,
        running.mean_market_return
    from counted
    inner join running
        on
            counted.event_id = running.event_id
            and counted.company_id = running.company_id
            and running.next_tau is null
)

select
    studied.event_id,
    studied.event_date,
    studied.symbol,
    studied.company_id,
    studied.benchmark_symbol,
    studied.vintage,
    studied.event_session_date,
    studied.event_session_basis,
    coalesce(fitted.sessions, 0) as estimation_sessions,
    coalesce(fitted.market_sessions, 0) as market_sessions,
    fitted.first_date as estimation_first_date,
    fitted.last_date as estimation_last_date,
    case when fitted.is_estimated then fitted.alpha end as alpha,
    case when fitted.is_estimated then fitted.beta end as beta,
    case
        when fitted.is_estimated
            -- Rounding may leave the sum just below zero where the fit is perfect.
            then sqrt(
                greatest(fitted.syy - fitted.beta * fitted.sxy, 0)
                / (fitted.sessions - {{ design.lost_degrees }})
            )
    end as sigma,
    fitted.mean_market_return,
    fitted.sxx as market_sum_of_squares
from studied
left join fitted
    on
        studied.event_id = fitted.event_id
        and studied.company_id = fitted.company_id
