with claims as (
    select * from {{ ref('stg_raw__article_claims') }}
),

articles as (
    select * from {{ ref('stg_raw__articles') }}
),

metrics as (
    select * from {{ ref('metrics') }}
)

select
    claims.claim_id,
    claims.article_id,
    articles.outlet,
    articles.published_date,
    articles.story_cluster_id,
    -- Who told it before: the agency of "Reuters (a name)", the first of "AP+NBC".
    nullif(split_part(split_part(articles.origin, ' (', 1), '+', 1), '') as agency,
    -- The agency's own words, or the outlet's: what the copies of the story can be measured against.
    coalesce(articles.relation in ('original', 'syndication_verbatim'), false) as is_first_telling,
    claims.platform_id,
    claims.metric,
    coalesce(metrics.standard_metric, claims.metric) as standard_metric,
    coalesce(metrics.metric_family, claims.metric) as metric_family,
    metrics.definition,
    claims.value,
    claims.unit,
    claims.qualifier,
    claims.geography,
    claims.as_of_date,
    claims.as_of_precision,
    claims.as_of_text,
    coalesce(claims.as_of_precision = 'day' and claims.as_of_text is null, false) as is_day_exact,
    -- The days that the claim may stand for.
    case
        when claims.as_of_precision = 'unknown' then null
        when
            claims.as_of_precision = 'week'
            or (claims.as_of_precision = 'day' and claims.as_of_text is not null)
            then {{ days_after('claims.as_of_date', -7) }}
        else claims.as_of_date
    end as first_date,
    case
        when claims.as_of_precision = 'unknown' then null
        when claims.as_of_precision = 'month' then {{ days_after('claims.as_of_date', 30) }}
        when claims.as_of_precision = 'quarter' then {{ days_after('claims.as_of_date', 91) }}
        when claims.as_of_precision = 'year' then {{ days_after('claims.as_of_date', 365) }}
        when
            claims.as_of_precision = 'week'
            or (claims.as_of_precision = 'day' and claims.as_of_text is not null)
            then {{ days_after('claims.as_of_date', 7) }}
        else claims.as_of_date
    end as last_date,
    claims.attributed_to,
    claims.url,
    claims.note,
    claims.provenance,
    claims.observed_at
from claims
left join articles on claims.article_id = articles.article_id
left join metrics on claims.metric = metrics.metric
