{{ config(materialized='incremental', meta={'day': 'store_date', 'whole': 'chart_pairs'}) }}
with captures as (
    select * from {{ ref('stg_raw__chart_captures') }}
    where
        capture_status = 'succeeded'
        and {{ is_touched('store_date') }}
),

ranks as (
    select * from {{ ref('int_chart_ranks') }}
    where {{ is_touched('store_date') }}
),

platforms as (
    select * from {{ ref('int_chart_platforms') }}
),

-- A person who says whose every app is, would have said it of an app without an id, too.
named_throughout as (
    select capture_id
    from {{ ref('stg_raw__chart_entries') }}
    where {{ is_touched('store_date') }}
    group by capture_id
    having count(*) = count(platform_id)
),

-- A capture of a whole chart tells something about every platform that would be recognised in it, one of an
-- app about its own.
covered as (
    select
        captures.*,
        platforms.platform_id as covered_platform_id
    from captures
    inner join platforms
        on
            captures.store = platforms.store
            and captures.country = platforms.country
            and captures.chart = platforms.chart
    left join named_throughout on captures.capture_id = named_throughout.capture_id
    where
        (captures.scope = 'chart' and (platforms.has_known_id or named_throughout.capture_id is not null))
        or captures.platform_id = platforms.platform_id
)

-- An entry proves its rank even where its capture is unknown, or was made for another app.
select
    coalesce(covered.capture_id, ranks.capture_id) as capture_id,
    coalesce(covered.covered_platform_id, ranks.platform_id) as platform_id,
    coalesce(covered.store, ranks.store) as store,
    coalesce(covered.country, ranks.country) as country,
    coalesce(covered.chart, ranks.chart) as chart,
    coalesce(covered.store_date, ranks.store_date) as store_date,
    ranks.rank,
    case
        when ranks.rank is null then covered.depth
        else greatest(ranks.rank, coalesce(covered.depth, ranks.rank))
    end as depth,
    covered.captured_at,
    covered.provider,
    covered.publisher,
    covered.source_url,
    covered.confidence,
    coalesce(ranks.observed_at, covered.observed_at) as observed_at,
    coalesce(ranks.provenance, covered.provenance) as provenance
from covered
full outer join ranks
    on
        covered.capture_id = ranks.capture_id
        and covered.covered_platform_id = ranks.platform_id
-- Days that are asked for together stand together.
order by store_date
