with models as (
    select * from {{ ref('int_market_models') }}
    where sigma > 0
),

markets as (
    select * from {{ ref('int_event_markets') }}
),

everybody as (
    select
        event_id,
        event_date,
        company_id,
        'all' as group_kind,
        'all' as group_id
    from models
),

countries as (
    select
        models.event_id,
        models.event_date,
        models.company_id,
        'benchmark_country' as group_kind,
        markets.benchmark_country as group_id
    from models
    inner join markets
        on
            models.event_id = markets.event_id
            and models.company_id = markets.company_id
    where markets.benchmark_country is not null
)

select * from everybody
union all
select * from countries
