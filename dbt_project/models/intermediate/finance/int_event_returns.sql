{%- set design = event_study_design() %}
{{- config(materialized='table') }}

with events as (
    select * from {{ ref('dim_event') }}
    where is_market_event
),

returns as (
    select * from {{ ref('fct_returns_daily') }}
    where benchmark_symbol is not null
),

event_days as (
    select * from {{ ref('int_event_days') }}
),

market as (
    select * from {{ ref('int_returns') }}
),

sessions as (
    select * from {{ ref('int_trading_sessions') }}
),

studied as (
    select distinct
        events.event_id,
        events.event_date,
        returns.symbol,
        returns.company_id,
        returns.benchmark_symbol,
        returns.vintage
    from events
    cross join returns
),

-- What happens on a day without a session, or after its end, is priced on the next one.
placed as (
    select
        studied.event_id,
        studied.event_date,
        studied.symbol,
        studied.company_id,
        studied.benchmark_symbol,
        studied.vintage,
        event_days.event_session_basis,
        case
            when min(sessions.session_date) <= event_days.first_priced_date
                then min(
                    case
                        when sessions.session_date >= event_days.first_priced_date
                            then sessions.session_number
                    end
                )
        end as event_session_number
    from studied
    inner join event_days
        on
            studied.event_id = event_days.event_id
            and studied.benchmark_symbol = event_days.calendar_symbol
    left join sessions
        on
            studied.benchmark_symbol = sessions.calendar_symbol
            and studied.vintage = sessions.vintage_date
    group by
        studied.event_id, studied.event_date, studied.symbol, studied.company_id,
        studied.benchmark_symbol, studied.vintage,
        event_days.first_priced_date, event_days.event_session_basis
)

select
    placed.event_id,
    placed.event_date,
    placed.symbol,
    placed.company_id,
    placed.benchmark_symbol,
    placed.vintage,
    placed.event_session_basis,
    sessions.session_date,
    sessions.session_number - placed.event_session_number as tau,
    returns.{{ design.returns }}_return as stock_return,
    market.{{ design.returns }}_return as market_return
from placed
left join sessions
    on
        placed.benchmark_symbol = sessions.calendar_symbol
        and placed.vintage = sessions.vintage_date
        and (
            sessions.session_number - placed.event_session_number
            between {{ design.first }} and {{ design.last }}
            or {{ is_in_estimation(
                'sessions.session_number - placed.event_session_number', 'sessions.session_date'
            ) }}
        )
left join returns
    on
        placed.company_id = returns.company_id
        and sessions.session_date = returns.session_date
left join market
    on
        placed.benchmark_symbol = market.symbol
        and placed.vintage = market.vintage_date
        and sessions.session_date = market.session_date
