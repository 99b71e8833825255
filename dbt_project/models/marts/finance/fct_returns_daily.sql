with returns as (
    select * from {{ ref('int_returns') }}
),

partial_vintages as (
    select * from {{ ref('int_price_vintages') }}
    where is_partial
),

calendar_vintages as (
    select distinct
        sessions.calendar_symbol,
        sessions.vintage_date
    from {{ ref('int_trading_sessions') }} as sessions
    left join partial_vintages
        on
            sessions.calendar_symbol = partial_vintages.symbol
            and sessions.vintage_date = partial_vintages.vintage_date
    where partial_vintages.symbol is null
),

vintages as (
    select distinct
        returns.company_id,
        returns.vintage_date,
        partial_vintages.symbol is null as is_whole,
        partial_vintages.symbol is null and calendar_vintages.vintage_date is not null as is_measurable
    from returns
    left join partial_vintages
        on
            returns.exchange = partial_vintages.exchange
            and returns.symbol = partial_vintages.symbol
            and returns.vintage_date = partial_vintages.vintage_date
    left join calendar_vintages
        on
            returns.calendar_symbol = calendar_vintages.calendar_symbol
            and returns.vintage_date = calendar_vintages.vintage_date
),

-- The latest whole vintage that the benchmark has too; without any, the symbol's latest whole one. The first
-- that was ever seen is whole.
chosen_vintages as (
    select
        company_id,
        max(vintage_date) as newest_vintage,
        coalesce(
            max(case when is_measurable then vintage_date end),
            max(case when is_whole then vintage_date end)
        ) as vintage_date
    from vintages
    group by company_id
)

select
    returns.symbol,
    returns.session_date,
    returns.vintage_date as vintage,
    chosen_vintages.newest_vintage,
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
