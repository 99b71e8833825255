with claims as (
    select * from {{ ref('int_claims') }}
),

limits as (
    select * from {{ ref('int_claim_limits') }}
),

comparisons as (
    select
        claim_id,
        finding,
        is_published,
        is_same_source,
        round(factor) as factor,
        coalesce(figure_provider || ' ', '')
        || case when figure_bound = '=' then '' else figure_bound || ' ' end
        || {{ readable_number('figure_value') }}
        || ' ' || figure_metric
        || coalesce(' on ' || cast(figure_date as varchar), '')
        || ' (' || figure_id || ')' as figure,
        row_number() over (
            partition by claim_id, finding
            order by
                case when is_published then 0 else 1 end,
                case when is_same_source then 1 else 0 end,
                case when finding = 'disputes' then -factor end,
                figure_date,
                figure_id
        ) as preference
    from {{ ref('int_claim_comparisons') }}
),

compared as (
    select
        claim_id,
        max(case when finding = 'matches' then figure end) as matching_figure,
        bool_or(finding = 'matches' and is_published) as is_match_published,
        bool_or(finding = 'matches' and is_published and not is_same_source) as is_match_independent,
        max(case when finding = 'contradicts' then figure end) as contradicting_figure,
        max(case when finding = 'is_of_other_metric' then figure end) as figure_of_other_metric,
        max(case when finding = 'is_of_other_day' then figure end) as figure_of_other_day,
        max(case when finding = 'has_bound' then figure end) as figure_with_bound,
        max(case when finding = 'disputes' then figure end) as disputing_figure,
        max(case when finding = 'disputes' then factor end) as disputing_factor
    from comparisons
    where preference = 1
    group by claim_id
),

judged as (
    select
        claims.*,
        limits.monthly_users_limit,
        limits.origin_users_limit,
        limits.origin_platform_id,
        limits.largest_other_claim,
        compared.matching_figure,
        compared.contradicting_figure,
        compared.figure_of_other_metric,
        compared.figure_of_other_day,
        compared.figure_with_bound,
        compared.disputing_figure,
        compared.disputing_factor,
        case
            when claims.value > limits.monthly_users_limit then 'contradicted'
            when claims.value > limits.origin_users_limit then 'contradicted'
            when compared.matching_figure is null and compared.contradicting_figure is not null
                then 'contradicted'
            when
                compared.matching_figure is null
                and coalesce(
                    compared.figure_with_bound,
                    compared.figure_of_other_day,
                    compared.figure_of_other_metric
                ) is not null
                then 'drifted'
            when compared.disputing_figure is not null then 'disputed'
            when compared.is_match_independent then 'corroborated'
            when compared.is_match_published then 'repeated'
            when limits.largest_other_claim > 0 and claims.value >= 20 * limits.largest_other_claim
                then 'implausible'
            else 'unverified'
        end as verdict
    from claims
    inner join limits on claims.claim_id = limits.claim_id
    left join compared on claims.claim_id = compared.claim_id
)

select
    claim_id,
    article_id,
    outlet,
    published_date,
    story_cluster_id,
    platform_id,
    metric,
    metric_family,
    value,
    unit,
    qualifier,
    geography,
    as_of_date,
    as_of_precision,
    as_of_text,
    attributed_to,
    verdict,
    case
        when verdict = 'contradicted' and value > monthly_users_limit
            then
                'more than the most monthly users ever stated of the platform, '
                || {{ readable_number('monthly_users_limit') }}
                || case
                    when value > origin_users_limit
                        then
                            ', and more than the users of ' || origin_platform_id
                            || ' that they would have come from, '
                            || {{ readable_number('origin_users_limit') }}
                    else ''
                end
        when verdict = 'contradicted' and value > origin_users_limit
            then
                'more than the users of ' || origin_platform_id || ' that they would have come from, '
                || {{ readable_number('origin_users_limit') }}
        when verdict = 'contradicted' then 'the provider it names published ' || contradicting_figure
        when verdict = 'drifted' and figure_with_bound is not null
            then 'its bound was lost: ' || figure_with_bound
        when verdict = 'drifted' and figure_of_other_day is not null
            then 'the figure is of another day: ' || figure_of_other_day
        when verdict = 'drifted' then 'the figure is of another metric: ' || figure_of_other_metric
        when verdict = 'disputed'
            then
                'another provider differs by a factor of ' || {{ readable_number('disputing_factor') }}
                || ': ' || disputing_figure
        when verdict = 'corroborated' then 'published: ' || matching_figure
        when verdict = 'repeated' then 'as the source it was taken from has it: ' || matching_figure
        when verdict = 'implausible'
            then
                'at least 20 times the largest other claim of its kind, '
                || {{ readable_number('largest_other_claim') }}
        when matching_figure is not null
            then
                'no published figure to compare with; as in the first telling of the story, '
                || matching_figure
        else 'no published figure to compare with'
    end as verdict_reason,
    url as source_url,
    note,
    provenance,
    observed_at
from judged
order by claim_id
