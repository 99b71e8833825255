with returns as (
    select * from {{ ref('fct_returns_daily') }}
    where simple_return is not null
),

limits as (
    select
        exchange,
        coalesce(symbol_prefix, '') as symbol_prefix,
        first_date,
        last_date,
        limit_share,
        tick
    from {{ ref('price_limits') }}
),

matched as (
    select
        returns.company_id,
        returns.vintage,
        returns.session_date,
        limits.limit_share,
        limits.tick,
        returns.simple_return,
        coalesce(returns.close, returns.adjusted_close) as price,
        row_number() over (
            partition by returns.company_id, returns.vintage, returns.session_date
            order by length(limits.symbol_prefix) desc
        ) as place
    from returns
    inner join limits
        on
            returns.exchange = limits.exchange
            and returns.symbol like limits.symbol_prefix || '%'
            and returns.session_date between limits.first_date and limits.last_date
),

-- The close before on today's basis, so that a dividend in between moves no limit.
based as (
    select
        *,
        price / (1 + simple_return) as reference
    from matched
    where place = 1
)

-- Limits are rounded to the tick: within half a tick, but for rounding, the price stands at its limit.
select
    company_id,
    vintage,
    session_date,
    limit_share,
    price >= reference * (1 + limit_share) - tick * 0.5001
    or price <= reference * (1 - limit_share) + tick * 0.5001 as is_limit_hit
from based
