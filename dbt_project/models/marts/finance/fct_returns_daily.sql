with returns as (
    select * from {{ ref('int_returns') }}
),

calendar_vintages as (
    select distinct
        calendar_symbol,
        vintage_date
    from {{ ref('int_trading_sessions') }}
),

-- The latest vintage that the benchmark has too; without any, the symbol's latest.
chosen_vintages as (
    select
        returns.company_id,
        coalesce(max(calendar_vintages.vintage_date), max(returns.vintage_date)) as vintage_date
    from returns
    left join calendar_vintages
        on
            returns.calendar_symbol = calendar_vintages.calendar_symbol
            and returns.vintage_date = calendar_vintages.vintage_date
    group by returns.company_id
)

select
    returns.symbol,
    returns.session_date,
    returns.vintage_date as vintage,
    returns.company_id,
    returns.exchange,
    returns.benchmark_symbol,
    returns.previous_session_date,
    returns.session_number,
    returns.close,
    returns.adjusted_close,
    returns.currency,
    returns.simple_return,
    returns.log_return,
    returns.return_null_reason,
    returns.provider,
    returns.provenance,
    returns.observed_at
from returns
inner join chosen_vintages
    on
        returns.company_id = chosen_vintages.company_id
        and returns.vintage_date = chosen_vintages.vintage_date
order by returns.symbol, returns.exchange, returns.session_date
