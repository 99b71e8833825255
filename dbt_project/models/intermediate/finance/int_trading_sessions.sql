with bars as (
    select * from {{ ref('stg_raw__price_bars') }}
),

companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
    where symbol is not null
),

-- A benchmark, or another company that is measured against nothing, keeps its own calendar.
sessions as (
    select distinct
        bars.symbol as calendar_symbol,
        bars.vintage_date,
        bars.session_date
    from bars
    inner join companies
        on
            bars.symbol = companies.symbol
            and bars.exchange = companies.exchange
    where companies.benchmark_symbol is null
)

select
    calendar_symbol,
    vintage_date,
    session_date,
    row_number() over (
        partition by calendar_symbol, vintage_date
        order by session_date
    ) as session_number,
    lag(session_date) over (
        partition by calendar_symbol, vintage_date
        order by session_date
    ) as previous_session_date
from sessions
