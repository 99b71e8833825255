with bars as (
    select * from {{ ref('stg_raw__price_bars') }}
),

companies as (
    select
        *,
        coalesce(benchmark_symbol, symbol) as calendar_symbol
    from {{ ref('stg_raw__watch_companies') }}
    where symbol is not null
),

sessions as (
    select * from {{ ref('int_trading_sessions') }}
),

joined as (
    select
        companies.company_id,
        bars.exchange,
        bars.symbol,
        companies.benchmark_symbol,
        companies.calendar_symbol,
        bars.vintage_date,
        bars.session_date,
        sessions.session_number,
        sessions.previous_session_date,
        bars.close,
        bars.adjusted_close,
        bars_before.adjusted_close as previous_adjusted_close,
        bars.currency,
        bars.provider,
        bars.provenance,
        bars.observed_at
    from bars
    inner join companies
        on
            bars.symbol = companies.symbol
            and bars.exchange = companies.exchange
    left join sessions
        on
            companies.calendar_symbol = sessions.calendar_symbol
            and bars.vintage_date = sessions.vintage_date
            and bars.session_date = sessions.session_date
    -- Adjusted prices of two vintages stand on different bases: both ends come from one.
    left join bars as bars_before
        on
            bars.symbol = bars_before.symbol
            and bars.exchange = bars_before.exchange
            and bars.vintage_date = bars_before.vintage_date
            and sessions.previous_session_date = bars_before.session_date
)

select
    company_id,
    exchange,
    symbol,
    benchmark_symbol,
    calendar_symbol,
    vintage_date,
    session_date,
    session_number,
    previous_session_date,
    close,
    adjusted_close,
    adjusted_close / previous_adjusted_close - 1 as simple_return,
    ln(adjusted_close / previous_adjusted_close) as log_return,
    case
        when previous_adjusted_close is not null then null
        when session_number is null
            then 'not a session of ' || calendar_symbol || ' in this vintage'
        when previous_session_date is null then 'first session of the vintage'
        else 'no price on the session before, ' || cast(previous_session_date as varchar)
    end as return_null_reason,
    currency,
    provider,
    provenance,
    observed_at
from joined
