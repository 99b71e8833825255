with platforms as (
    select * from {{ ref('stg_raw__watch_platforms') }}
),

companies as (
    select * from {{ ref('stg_raw__watch_companies') }}
),

aliases as (
    select
        platform_id,
        {{ distinct_text('alias') }} as aliases,
        {{ distinct_text('case when is_ambiguous then alias end') }} as ambiguous_aliases
    from {{ ref('stg_raw__watch_aliases') }}
    group by platform_id
),

wikipedia as (
    select
        subject_id,
        {{ distinct_text("project || ':' || title") }} as wikipedia_titles
    from {{ ref('stg_raw__watch_wikipedia_titles') }}
    where subject_type = 'platform' and is_primary
    group by subject_id
)

select
    platforms.platform_id,
    platforms.name,
    platforms.kind,
    platforms.owner_company_id,
    companies.name as owner_name,
    aliases.aliases,
    aliases.ambiguous_aliases,
    wikipedia.wikipedia_titles
from platforms
left join companies on platforms.owner_company_id = companies.company_id
left join aliases on platforms.platform_id = aliases.platform_id
left join wikipedia on platforms.platform_id = wikipedia.subject_id
order by platforms.platform_id
