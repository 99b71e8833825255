with neighbours as (
    select * from {{ ref('int_event_neighbours') }}
),

windows as (
    {{ event_study_windows() }}
)

select
    neighbours.event_id,
    neighbours.company_id,
    windows.window_start,
    windows.window_end,
    {{ distinct_text('neighbours.neighbour_id') }} as confounding_events
from neighbours
inner join windows on neighbours.tau between windows.window_start and windows.window_end
where windows.is_designed
group by neighbours.event_id, neighbours.company_id, windows.window_start, windows.window_end
