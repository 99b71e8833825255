with claims as (
    select * from {{ ref('fct_claims') }}
),

details as (
    select
        claim_id,
        standard_metric,
        is_day_exact,
        is_first_telling
    from {{ ref('int_claims') }}
),

articles as (
    select * from {{ ref('stg_raw__articles') }}
),

-- What providers published for a range of days, each with its highest figure.
ranges as (
    select * from {{ ref('source_agreement') }}
    where period = 'day' and comparison = 'neighbouring_days'
),

repeated as (
    select
        claims.platform_id,
        details.standard_metric,
        claims.value,
        count(distinct claims.outlet) as outlets
    from claims
    inner join details on claims.claim_id = details.claim_id
    group by claims.platform_id, details.standard_metric, claims.value
),

chained as (
    select
        claims.*,
        details.standard_metric,
        details.is_day_exact,
        details.is_first_telling,
        articles.relation,
        -- Nobody quotes himself.
        case
            when articles.origin != claims.outlet and articles.origin != coalesce(claims.attributed_to, '')
                then articles.origin
        end as quoted_publisher
    from claims
    inner join details on claims.claim_id = details.claim_id
    left join articles on claims.article_id = articles.article_id
)

select
    chained.claim_id,
    chained.article_id,
    chained.outlet as quoting_publisher,
    chained.quoted_publisher,
    chained.attributed_to as figure_source,
    coalesce(chained.attributed_to || ' > ', '')
    || coalesce(chained.quoted_publisher || ' > ', '')
    || coalesce(chained.outlet, 'unknown') as chain,
    case
        when chained.attributed_to is null and chained.quoted_publisher is null
            then 'the article names nobody behind the figure'
    end as source_null_reason,
    chained.relation,
    chained.is_first_telling,
    chained.story_cluster_id,
    chained.published_date,
    chained.platform_id,
    chained.metric,
    chained.metric_family,
    chained.value,
    chained.unit,
    chained.qualifier,
    chained.geography,
    chained.as_of_date,
    repeated.outlets as outlets_with_this_figure,
    ranges.providers,
    ranges.median_value,
    case when chained.value > 0 then ln(chained.value / ranges.median_value) end as log_ratio_to_median,
    case
        when not chained.is_day_exact then 'the claim does not say its day'
        when chained.value <= 0 then 'the figure is not above zero'
        when ranges.platform_id is null then 'fewer than two providers published a figure for this day'
    end as log_ratio_null_reason,
    chained.verdict,
    chained.verdict_reason,
    chained.source_url
from chained
inner join repeated
    on
        chained.platform_id = repeated.platform_id
        and chained.standard_metric = repeated.standard_metric
        and chained.value = repeated.value
left join ranges
    on
        chained.is_day_exact
        and chained.platform_id = ranges.platform_id
        and chained.metric_family = ranges.metric
        and chained.geography = ranges.geography
        and chained.as_of_date between ranges.first_date and ranges.last_date
order by chained.claim_id
