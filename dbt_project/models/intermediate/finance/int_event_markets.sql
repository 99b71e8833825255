with models as (
    select * from {{ ref('int_market_models') }}
),

bars as (
    select distinct
        exchange,
        symbol,
        session_date
    from {{ ref('stg_raw__price_bars') }}
),

companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
    where symbol is not null
),

exchanges as (
    select * from {{ ref('exchanges') }}
),

benchmarks as (
    select * from {{ ref('int_benchmarks') }}
),

described as (
    select
        models.event_id,
        models.event_date,
        models.event_session_date,
        models.company_id,
        models.benchmark_symbol,
        companies.exchange,
        benchmarks.exchange as benchmark_exchange,
        own.country,
        foreign_or_own.country as benchmark_country
    from models
    inner join companies on models.company_id = companies.company_id
    left join benchmarks on models.benchmark_symbol = benchmarks.benchmark_symbol
    left join exchanges as own on companies.exchange = own.exchange
    left join exchanges as foreign_or_own on benchmarks.exchange = foreign_or_own.exchange
),

-- Days on which the company's exchange held a session, as far as any watched price shows it; exchanges of one
-- country keep one calendar.
open_days as (
    select distinct
        described.event_id,
        described.company_id
    from described
    inner join bars
        on
            described.event_date = bars.session_date
            and (
                described.exchange = bars.exchange
                or (
                    described.country = described.benchmark_country
                    and described.benchmark_exchange = bars.exchange
                )
            )
)

select
    described.event_id,
    described.company_id,
    described.exchange,
    described.country,
    described.benchmark_country,
    case
        when described.country is null or described.benchmark_country is null then 'unknown exchange'
        when described.country = described.benchmark_country then 'local benchmark'
        else 'foreign benchmark'
    end as benchmark_kind,
    case
        when described.event_session_date is not null then open_days.event_id is null
    end as is_market_closed_on_event_day
from described
left join open_days
    on
        described.event_id = open_days.event_id
        and described.company_id = open_days.company_id
