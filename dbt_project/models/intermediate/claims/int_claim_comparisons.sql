with claims as (
    select * from {{ ref('int_claims') }}
),

-- A figure may have been read in an article, and so belong to that article's story.
stories as (
    select
        url,
        min(story_cluster_id) as story_cluster_id
    from {{ ref('stg_raw__articles') }}
    where story_cluster_id is not null
    group by url
),

published as (
    select
        figures.*,
        stories.story_cluster_id
    from {{ ref('int_published_figures') }} as figures
    left join stories on figures.source_url = stories.url
    where figures.subject_type = 'platform' and figures.value is not null
),

figures as (
    select
        statement_id as figure_id,
        true as is_published,
        story_cluster_id,
        source_url,
        platform_id,
        metric,
        standard_metric,
        metric_family,
        geography,
        observed_date as figure_date,
        date_precision = 'day' as is_day_exact,
        value,
        value_bound,
        provider,
        publisher
    from published
    union all
    select
        claim_id as figure_id,
        false as is_published,
        story_cluster_id,
        url as source_url,
        platform_id,
        metric,
        standard_metric,
        metric_family,
        geography,
        as_of_date as figure_date,
        is_day_exact,
        value,
        case when qualifier = '~' then '=' else qualifier end as value_bound,
        attributed_to as provider,
        cast(null as varchar) as publisher
    from claims
    where is_first_telling
),

paired as (
    select
        claims.claim_id,
        claims.value,
        claims.qualifier,
        claims.is_day_exact and figures.is_day_exact as are_both_day_exact,
        figures.figure_id,
        figures.is_published,
        -- The provider that the claim names, its own page, its story, or the agency that it is from: the same
        -- telling once more.
        coalesce(lower(claims.attributed_to) = lower(figures.provider), false)
        or coalesce(claims.url = figures.source_url, false)
        or coalesce(claims.story_cluster_id = figures.story_cluster_id, false)
        or coalesce(lower(figures.provider || ' (') like lower(claims.agency || ' (%'), false)
        or coalesce(lower(', ' || figures.publisher || ',') like lower('%, ' || claims.agency || ',%'), false)
            as is_same_source,
        figures.metric as figure_metric,
        figures.figure_date,
        figures.value as figure_value,
        figures.value_bound as figure_bound,
        figures.provider as figure_provider,
        claims.standard_metric = figures.standard_metric as is_same_metric,
        claims.metric_family = figures.metric_family as is_same_family,
        claims.geography = figures.geography as is_same_geography,
        'unknown' in (claims.geography, figures.geography) as is_geography_unknown,
        coalesce(lower(claims.attributed_to) = lower(figures.provider), false) as is_same_provider,
        -- NULL where either does not say its day.
        figures.figure_date between claims.first_date and claims.last_date as is_same_date,
        figures.figure_date
        between {{ days_after('claims.first_date', -3) }} and {{ days_after('claims.last_date', 3) }}
            as is_near_date,
        abs(claims.value - figures.value) <= 0.05 * abs(figures.value) as is_same_value,
        case
            when claims.value > 0 and figures.value > 0
                then greatest(claims.value / figures.value, figures.value / claims.value)
        end as factor
    from claims
    inner join figures
        on
            claims.platform_id = figures.platform_id
            and (figures.is_published or claims.story_cluster_id = figures.story_cluster_id)
            and claims.claim_id != figures.figure_id
),

weighed as (
    select
        *,
        figure_bound = '=' or qualifier = figure_bound as is_bound_kept,
        -- What the words leave open: below 700 does not contradict 650, exactly 700 does not fit below 650.
        case
            when is_same_value then false
            when qualifier = '<' then figure_bound != '<' and figure_value > value
            when qualifier = '>' then figure_bound != '>' and figure_value < value
            when figure_bound = '<' then value > figure_value
            when figure_bound = '>' then value < figure_value
            else true
        end as is_incompatible_value
    from paired
),

found as (
    select
        claim_id,
        figure_id,
        is_published,
        is_same_source,
        figure_metric,
        figure_date,
        figure_value,
        figure_bound,
        figure_provider,
        factor,
        case
            when
                is_same_metric and is_same_value and is_bound_kept
                and coalesce(is_same_date, true)
                and (is_same_geography or is_geography_unknown)
                then 'matches'
            when
                is_same_provider and is_same_metric and is_same_geography
                and are_both_day_exact and is_same_date and is_incompatible_value
                then 'contradicts'
            when is_same_provider and is_same_value and not is_same_metric then 'is_of_other_metric'
            when is_same_provider and is_same_value and not is_same_date then 'is_of_other_day'
            when is_same_provider and is_same_value and is_same_date then 'has_bound'
            when
                is_published and not is_same_provider and is_same_family and is_same_geography
                and is_near_date and figure_bound = '=' and factor >= 10
                then 'disputes'
        end as finding
    from weighed
)

select
    claim_id,
    finding,
    figure_id,
    is_published,
    is_same_source,
    figure_metric,
    figure_date,
    figure_value,
    figure_bound,
    figure_provider,
    factor
from found
where finding is not null
