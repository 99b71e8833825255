{% set same_claim = 'platform_id, attribute, geography, as_of_date, value, value_bound, unit,'
    ~ ' attributed_to' %}
with attributes as (
    select * from {{ ref('profile_attributes') }}
),

platforms as (
    select * from {{ ref('dim_platform') }}
),

companies as (
    select * from {{ ref('dim_company') }}
),

events as (
    select * from {{ ref('stg_raw__platform_events') }}
),

listings as (
    select * from {{ ref('stg_raw__app_listings') }}
    where developer is not null
),

published as (
    select
        'published/' || figures.statement_id as claim_id,
        figures.platform_id,
        attributes.attribute,
        figures.geography,
        figures.observed_date as valid_from,
        figures.date_precision,
        case when figures.subject_type = 'platform' then figures.value end as value,
        case when figures.subject_type = 'platform' then figures.value_bound end as value_bound,
        case when figures.subject_type = 'platform' then figures.unit end as unit,
        -- A company as the subject is what is said of the platform: who owns it, or invested in it.
        case when figures.subject_type = 'company' then coalesce(companies.name, figures.subject_id) end
            as value_text,
        figures.provider,
        figures.publisher,
        figures.published_date,
        figures.source_url,
        figures.confidence,
        'published_metrics' as evidence,
        cast(null as varchar) as verdict,
        1 as tellings,
        figures.provenance
    from {{ ref('int_published_figures') }} as figures
    inner join attributes on figures.metric = attributes.metric
    left join companies on figures.subject_id = companies.company_id
    where
        figures.platform_id is not null
        and (
            (figures.subject_type = 'platform' and figures.value is not null)
            or (figures.subject_type = 'company' and attributes.attribute in ('investor', 'owner'))
        )
),

stated as (
    select distinct
        platform_id,
        attribute,
        value,
        lower(provider) as provider
    from published
),

-- What was judged wrong is no knowledge, and what a figure says already needs no claim.
told as (
    select
        claims.claim_id,
        claims.platform_id,
        attributes.attribute,
        claims.geography,
        claims.as_of_date,
        claims.as_of_precision,
        claims.value,
        case when claims.qualifier = '~' then '=' else claims.qualifier end as value_bound,
        claims.unit,
        claims.attributed_to,
        claims.outlet,
        -- The day that stands in for an unknown one, a month or a year dates nothing.
        case when articles.published_precision in ('minute', 'day') then claims.published_date end
            as published_date,
        claims.source_url,
        claims.verdict,
        claims.provenance
    from {{ ref('fct_claims') }} as claims
    left join {{ ref('stg_raw__articles') }} as articles on claims.article_id = articles.article_id
    inner join attributes on claims.metric = attributes.metric
    left join stated
        on
            claims.platform_id = stated.platform_id
            and attributes.attribute = stated.attribute
            and claims.value = stated.value
            and lower(claims.attributed_to) = stated.provider
    where
        claims.verdict not in ('contradicted', 'drifted', 'implausible')
        and stated.platform_id is null
),

ordered as (
    select
        *,
        row_number() over (
            partition by {{ same_claim }}
            order by case when published_date is null then 1 else 0 end, published_date, claim_id
        ) as telling
    from told
),

-- Copies of one claim are one row: its earliest dated telling as a whole, so that outlet, day and address
-- belong together.
claimed as (
    select
        'claim/' || min(case when telling = 1 then claim_id end) as claim_id,
        platform_id,
        attribute,
        geography,
        coalesce(as_of_date, min(case when telling = 1 then published_date end)) as valid_from,
        case
            when as_of_date is null then 'unknown'
            else min(case when telling = 1 then as_of_precision end)
        end as date_precision,
        value,
        value_bound,
        unit,
        cast(null as varchar) as value_text,
        coalesce(attributed_to, min(case when telling = 1 then outlet end), 'unknown') as provider,
        min(case when telling = 1 then outlet end) as publisher,
        min(case when telling = 1 then published_date end) as published_date,
        min(case when telling = 1 then source_url end) as source_url,
        'C' as confidence,
        'article_claims' as evidence,
        {{ distinct_text('verdict') }} as verdict,
        count(*) as tellings,
        {{ distinct_text('provenance') }} as provenance
    from ordered
    group by {{ same_claim }}
),

listed as (
    select
        'event/' || event_id || '/' || platform_id as claim_id,
        platform_id,
        'store_listing' as attribute,
        geography,
        event_date as valid_from,
        'day' as date_precision,
        cast(null as double) as value,
        cast(null as varchar) as value_bound,
        cast(null as varchar) as unit,
        event_type as value_text,
        'calendar of events' as provider,
        publisher,
        published_date,
        source_url,
        confidence,
        'platform_events' as evidence,
        cast(null as varchar) as verdict,
        1 as tellings,
        provenance
    from events
    where event_type in ('delisted', 'relisted')
),

sold as (
    select
        *,
        lag(developer) over (
            partition by store, country, store_app_id
            order by listing_date
        ) as developer_before
    from listings
),

-- The day on which a storefront was first seen to name another seller than before.
developed as (
    select
        'listing/' || store || '/' || country || '/' || store_app_id || '/' || cast(listing_date as varchar)
            as claim_id,
        platform_id,
        'developer' as attribute,
        country as geography,
        listing_date as valid_from,
        'day' as date_precision,
        cast(null as double) as value,
        cast(null as varchar) as value_bound,
        cast(null as varchar) as unit,
        developer as value_text,
        store || ' ' || store_app_id as provider,
        store as publisher,
        listing_date as published_date,
        source_url,
        cast(null as varchar) as confidence,
        'app_listings' as evidence,
        cast(null as varchar) as verdict,
        1 as tellings,
        provenance
    from sold
    where developer is distinct from developer_before
),

owned as (
    select
        'watchlist/owner/' || platforms.platform_id as claim_id,
        platforms.platform_id,
        'owner' as attribute,
        'global' as geography,
        cast(null as date) as valid_from,
        'unknown' as date_precision,
        cast(null as double) as value,
        cast(null as varchar) as value_bound,
        cast(null as varchar) as unit,
        coalesce(platforms.owner_name, platforms.owner_company_id) as value_text,
        'watchlist' as provider,
        cast(null as varchar) as publisher,
        cast(null as date) as published_date,
        cast(null as varchar) as source_url,
        cast(null as varchar) as confidence,
        'watchlist' as evidence,
        cast(null as varchar) as verdict,
        1 as tellings,
        'watchlist' as provenance
    from platforms
    where platforms.owner_company_id is not null
),

known as (
    select * from published
    union all
    select * from claimed
    union all
    select * from listed
    union all
    select * from developed
    union all
    select * from owned
),

-- Investors stand beside each other; any other attribute is replaced by the provider's next claim of it.
lines as (
    select
        *,
        case when attribute = 'investor' then value_text else '' end as item
    from known
),

dates as (
    select
        platform_id,
        attribute,
        geography,
        provider,
        item,
        valid_from,
        lead(valid_from) over (
            partition by platform_id, attribute, geography, provider, item
            order by valid_from
        ) as valid_to
    from lines
    where valid_from is not null
    group by platform_id, attribute, geography, provider, item, valid_from
)

select
    lines.claim_id,
    lines.platform_id,
    lines.attribute,
    lines.geography,
    lines.valid_from,
    dates.valid_to,
    lines.date_precision,
    case
        when lines.valid_from is not null then null
        when lines.evidence = 'watchlist' then 'the watchlist gives no day'
        else 'neither the claim nor its article gives a day'
    end as valid_from_null_reason,
    lines.value,
    lines.value_bound,
    lines.unit,
    lines.value_text,
    lines.provider,
    lines.publisher,
    lines.published_date,
    lines.source_url,
    lines.confidence,
    lines.evidence,
    lines.verdict,
    cast(lines.tellings as bigint) as tellings,
    lines.provenance
from lines
left join dates
    on
        lines.platform_id = dates.platform_id
        and lines.attribute = dates.attribute
        and lines.geography = dates.geography
        and lines.provider = dates.provider
        and lines.item = dates.item
        and lines.valid_from = dates.valid_from
order by lines.platform_id, lines.attribute, lines.geography, lines.provider, lines.valid_from, lines.claim_id
