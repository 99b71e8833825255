with companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
),

owned as (
    select
        owner_company_id,
        {{ distinct_text('platform_id') }} as platforms
    from {{ ref('stg_raw__watch_platforms') }}
    where owner_company_id is not null
    group by owner_company_id
)

select
    companies.company_id,
    companies.name,
    companies.role,
    companies.exchange,
    companies.symbol,
    companies.currency,
    companies.benchmark_symbol,
    companies.cik,
    owned.platforms
from companies
left join owned on companies.company_id = owned.owner_company_id
order by companies.company_id
