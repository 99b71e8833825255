{% set design = episode_design() %}
{% set key = 'episode_id, platform_id, series_id' %}
with figures as (
    select
        members.episode_id,
        members.role,
        members.window_start,
        members.window_end,
        members.next_wave_date,
        series.*
    from {{ ref('int_published_series') }} as series
    inner join {{ ref('int_episode_members') }} as members
        on
            series.platform_id = members.platform_id
            and series.series_date >= {{ days_after('members.window_start', -design.figure_days) }}
            and series.series_date <= {{ days_after('members.window_end', design.follow_up_days) }}
    where series.scale != 'gain'
),

ordered as (
    select
        *,
        row_number() over (
            partition by {{ key }}
            order by
                case when series_date between window_start and window_end then 0 else 1 end,
                case when role = 'origin' then value else -value end,
                series_date
        ) as extremity
    from figures
),

-- People come to a destination until its peak, and leave an origin until its trough.
anchored as (
    select
        *,
        max(
            case when extremity = 1 and series_date between window_start and window_end then series_date end
        ) over (partition by {{ key }}) as anchor_date,
        max(case when extremity = 1 and series_date between window_start and window_end then value end) over (
            partition by {{ key }}
        ) as anchor_value
    from ordered
),

-- A figure of the window's first day may be of what happened on it. One of a week that begins there is of the
-- days before, where the week was over by the peak or trough.
based as (
    select
        *,
        max(
            case
                when series_date < window_start then series_date
                when
                    date_precision = 'week'
                    and series_date = window_start
                    and {{ days_after('series_date', 7) }} <= anchor_date
                    then series_date
            end
        ) over (partition by {{ key }}) as base_date
    from anchored
)

select
    episode_id,
    platform_id,
    role,
    window_start,
    window_end,
    next_wave_date,
    series_id,
    proxy,
    scale,
    geography,
    channel,
    provider,
    series_date,
    is_date_approximate,
    value,
    base_date,
    confidence,
    provenance,
    -- The level before is what was told last before anything happened, or what a change was told against.
    case
        when scale = 'change_pct' then 1.0
        else max(case when series_date = base_date then value end) over (partition by {{ key }})
    end as base_value,
    anchor_date,
    anchor_value
from based
