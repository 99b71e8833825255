with bars as (
    select * from {{ ref('stg_raw__price_bars') }}
),

companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
    where symbol is not null
),

-- A company that is measured against nothing keeps its own calendar.
calendars as (
    select distinct coalesce(benchmark_symbol, symbol) as calendar_symbol
    from companies
)

select
    calendars.calendar_symbol,
    bars.vintage_date,
    bars.session_date,
    row_number() over (
        partition by calendars.calendar_symbol, bars.vintage_date
        order by bars.session_date
    ) as session_number,
    lag(bars.session_date) over (
        partition by calendars.calendar_symbol, bars.vintage_date
        order by bars.session_date
    ) as previous_session_date
from calendars
inner join companies on calendars.calendar_symbol = companies.symbol
inner join bars
    on
        companies.symbol = bars.symbol
        and companies.exchange = bars.exchange
