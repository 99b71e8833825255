{%- set design = event_study_design() %}
{{- config(materialized='table') }}
with groups as (
    select
        *,
        count(*) over (partition by event_id, group_kind, group_id) as n_group
    from {{ ref('int_event_groups') }}
),

models as (
    select * from {{ ref('int_market_models') }}
    where sigma > 0
),

abnormal as (
    select
        *,
        -- Equal values share the mean of their ranks.
        rank() over (partition by event_id, company_id order by abnormal_return)
        + (count(*) over (partition by event_id, company_id, abnormal_return) - 1) / 2.0 as place,
        count(*) over (partition by event_id, company_id) as n_sessions
    from {{ ref('int_abnormal_returns') }}
    where abnormal_return is not null
),

middles as (
    select
        event_id,
        company_id,
        {{ median('abnormal_return') }} as abnormal_median
    from abnormal
    group by event_id, company_id
),

terms as (
    select
        abnormal.event_id,
        abnormal.company_id,
        abnormal.tau,
        abnormal.is_estimation,
        abnormal.is_event,
        abnormal.market_return,
        abnormal.abnormal_return,
        case
            when abnormal.is_estimation
                then
                    abnormal.abnormal_return / models.sigma
                    / sqrt(1 - {{ design.lost_degrees }}.0 / models.estimation_sessions)
        end as scaled,
        abnormal.place - (abnormal.n_sessions + 1) / 2.0 as rank_term,
        abnormal.place / (abnormal.n_sessions + 1) - 0.5 as modified_rank_term,
        sign(abnormal.abnormal_return - middles.abnormal_median) as sign_term
    from abnormal
    inner join middles
        on
            abnormal.event_id = middles.event_id
            and abnormal.company_id = middles.company_id
    inner join models
        on
            abnormal.event_id = models.event_id
            and abnormal.company_id = models.company_id
)

-- Where a firm has no return, its term is the mean of the others', as in R's estudy2: a session's sum is the
-- mean times the firms of the group.
select
    groups.event_id,
    groups.group_kind,
    groups.group_id,
    terms.tau,
    terms.is_estimation,
    terms.is_event,
    count(*) as n_firms,
    {{ exact_sum('terms.abnormal_return') }} / count(*) as mean_abnormal_return,
    min(terms.market_return) as market_return,
    sum(case when terms.abnormal_return > 0 then 1 else 0 end) as positive_firms,
    power({{ exact_sum('terms.scaled') }}, 2) - {{ exact_sum('power(terms.scaled, 2)') }} as sum_of_products,
    {{ exact_sum('terms.rank_term') }} / count(*) * max(groups.n_group) / count(*) as rank_sum,
    {{ exact_sum('terms.modified_rank_term') }} / count(*)
    * max(groups.n_group) / sqrt(count(*)) as modified_rank_sum,
    {{ exact_sum('terms.sign_term') }} / count(*) * max(groups.n_group) / sqrt(count(*)) as sign_sum
from groups
inner join terms
    on
        groups.event_id = terms.event_id
        and groups.company_id = terms.company_id
group by
    groups.event_id, groups.group_kind, groups.group_id, terms.tau, terms.is_estimation, terms.is_event
