with events as (
    select * from {{ ref('dim_event') }}
    where is_market_event
),

calendars as (
    select
        benchmark_symbol as calendar_symbol,
        exchange
    from {{ ref('int_benchmarks') }}
),

exchanges as (
    select * from {{ ref('exchanges') }}
),

told as (
    select
        events.event_id,
        calendars.calendar_symbol,
        events.event_date,
        exchanges.close_time,
        {{ wall_clock('events.event_at', 'exchanges.zone') }} as exchange_clock
    from events
    cross join calendars
    left join exchanges on calendars.exchange = exchanges.exchange
)

select
    event_id,
    calendar_symbol,
    case
        when exchange_clock is null then event_date
        when {{ time_of_day('exchange_clock') }} < close_time then cast(exchange_clock as date)
        else {{ days_after('cast(exchange_clock as date)', 1) }}
    end as first_priced_date,
    case
        when exchange_clock is null then 'hour not known'
        when {{ time_of_day('exchange_clock') }} < close_time then 'before the close'
        else 'after the close'
    end as event_session_basis
from told
