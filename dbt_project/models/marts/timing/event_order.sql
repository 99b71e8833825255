with facts as (
    select * from {{ ref('int_dated_facts') }}
),

steps as (
    select
        *,
        row_number() over (
            partition by episode_id
            order by latest_at, coalesce(earliest_at, latest_at), fact_kind, platform_id, subject
        ) as step
    from facts
),

-- Only what had surely ended before the earliest moment of a fact comes surely before it.
before as (
    select
        later.episode_id,
        later.step,
        max(earlier.step) as surely_after_step
    from steps as later
    inner join steps as earlier
        on
            later.episode_id = earlier.episode_id
            and later.earliest_at >= earlier.latest_at
    group by later.episode_id, later.step
)

select
    steps.episode_id,
    steps.step,
    steps.fact_kind,
    steps.platform_id,
    steps.subject,
    steps.title,
    steps.fact_date,
    steps.fact_zone,
    steps.fact_precision,
    steps.earliest_at,
    case when steps.earliest_at is null then 'nobody looked before: it may have been so for long' end
        as earliest_at_null_reason,
    steps.latest_at,
    {{ hours_between('steps.earliest_at', 'steps.latest_at') }} as uncertain_hours,
    before.surely_after_step,
    case
        when before.surely_after_step is not null then null
        when steps.earliest_at is null then 'nobody looked before: it may have been so for long'
        else 'no fact of the episode had surely ended before'
    end as surely_after_step_null_reason,
    steps.source,
    steps.provenance
from steps
left join before
    on
        steps.episode_id = before.episode_id
        and steps.step = before.step
order by steps.episode_id, steps.step
