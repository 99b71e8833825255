{%- set reach_days = 30 %}

with companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
),

bars as (
    select
        bars.exchange,
        bars.symbol,
        bars.vintage_date,
        bars.session_date
    from {{ ref('stg_raw__price_bars') }} as bars
    inner join companies
        on
            bars.exchange = companies.exchange
            and bars.symbol = companies.symbol
),

ends as (
    select
        exchange,
        symbol,
        vintage_date,
        max(session_date) as last_session_date
    from bars
    group by exchange, symbol, vintage_date
),

-- How far back a vintage reaches is up to who asked; a year is in each that is whole.
vintages as (
    select
        ends.exchange,
        ends.symbol,
        ends.vintage_date,
        ends.last_session_date,
        count(*) as bars_of_last_year
    from ends
    inner join bars
        on
            ends.exchange = bars.exchange
            and ends.symbol = bars.symbol
            and ends.vintage_date = bars.vintage_date
            and bars.session_date > {{ days_after('ends.last_session_date', -365) }}
    group by ends.exchange, ends.symbol, ends.vintage_date, ends.last_session_date
),

-- What was seen long ago binds nobody: a series that stays short is what there is.
seen_before as (
    select
        vintages.exchange,
        vintages.symbol,
        vintages.vintage_date,
        max(earlier.bars_of_last_year) as bars_of_last_year,
        max(earlier.last_session_date) as last_session_date
    from vintages
    inner join vintages as earlier
        on
            vintages.exchange = earlier.exchange
            and vintages.symbol = earlier.symbol
            and vintages.vintage_date > earlier.vintage_date
            and {{ days_after('earlier.vintage_date', reach_days) }} >= vintages.vintage_date
    group by vintages.exchange, vintages.symbol, vintages.vintage_date
)

select
    vintages.exchange,
    vintages.symbol,
    vintages.vintage_date,
    vintages.last_session_date,
    vintages.bars_of_last_year,
    coalesce(
        vintages.bars_of_last_year < 0.95 * seen_before.bars_of_last_year
        or vintages.last_session_date < seen_before.last_session_date,
        false
    ) as is_partial
from vintages
left join seen_before
    on
        vintages.exchange = seen_before.exchange
        and vintages.symbol = seen_before.symbol
        and vintages.vintage_date = seen_before.vintage_date
