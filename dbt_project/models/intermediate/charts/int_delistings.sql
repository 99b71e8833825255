with events as (
    select
        platform_id,
        geography,
        event_id,
        event_type,
        provenance,
        -- Where only the day is known, no day counts as delisted that may have been partly available.
        coalesce(
            event_at,
            case
                when event_type = 'delisted'
                    then {{ day_start_utc(days_after('event_date', 1), 'event_zone') }}
                else {{ day_start_utc('event_date', 'event_zone') }}
            end
        ) as happened_at
    from {{ ref('stg_raw__platform_events') }}
    where event_type in ('delisted', 'relisted')
),

paired as (
    select
        platform_id,
        geography,
        event_id,
        event_type,
        provenance,
        happened_at,
        lag(event_type) over (
            partition by platform_id, geography
            order by happened_at, event_id
        ) as event_type_before,
        min(case when event_type = 'relisted' then happened_at end) over (
            partition by platform_id, geography
            order by happened_at, event_id
            rows between 1 following and unbounded following
        ) as relisted_at
    from events
)

select
    platform_id,
    geography,
    event_id,
    happened_at as delisted_at,
    relisted_at,
    provenance
from paired
where
    event_type = 'delisted'
    -- Two reports of one delisting are one delisting.
    and coalesce(event_type_before, 'relisted') = 'relisted'
