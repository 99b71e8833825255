with companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
    where symbol is not null
)

-- One symbol may stand on several exchanges; benchmarks are known by their symbol alone.
select
    symbol as benchmark_symbol,
    min(exchange) as exchange
from companies
where benchmark_symbol is null
group by symbol
