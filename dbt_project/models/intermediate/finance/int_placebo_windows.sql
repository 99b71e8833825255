{%- set lengths = [] %}
{%- for first, last in event_study_design().windows if last - first + 1 not in lengths %}
    {%- do lengths.append(last - first + 1) %}
{%- endfor %}
with neighbours as (
    select distinct
        event_id,
        company_id,
        tau
    from {{ ref('int_event_neighbours') }}
),

sessions as (
    select
        abnormal.event_id,
        abnormal.company_id,
        abnormal.tau,
        abnormal.abnormal_return,
        case when neighbours.tau is null then 0 else 1 end as other_events
    from {{ ref('int_abnormal_returns') }} as abnormal
    left join neighbours
        on
            abnormal.event_id = neighbours.event_id
            and abnormal.company_id = neighbours.company_id
            and abnormal.tau = neighbours.tau
    where abnormal.is_estimation and not abnormal.is_event and abnormal.abnormal_return is not null
),

windows as (
    {% for length in lengths -%}
        select
            event_id,
            company_id,
            tau,
            {{ length }} as window_sessions,
            sum(abnormal_return) over (
                partition by event_id, company_id
                order by tau
                range between {{ length - 1 }} preceding and current row
            ) as car,
            count(*) over (
                partition by event_id, company_id
                order by tau
                range between {{ length - 1 }} preceding and current row
            ) as n_sessions,
            sum(other_events) over (
                partition by event_id, company_id
                order by tau
                range between {{ length - 1 }} preceding and current row
            ) as other_events
        from sessions
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

placebos as (
    select * from windows
    where n_sessions = window_sessions and other_events = 0
),

studied as (
    select * from {{ ref('int_window_returns') }}
    where is_designed and car is not null
)

select
    studied.event_id,
    studied.company_id,
    studied.window_start,
    studied.window_end,
    count(placebos.car) as placebo_windows,
    sum(case when abs(placebos.car) >= abs(studied.car) then 1 else 0 end) as placebo_windows_as_large
from studied
left join placebos
    on
        studied.event_id = placebos.event_id
        and studied.company_id = placebos.company_id
        and studied.window_sessions = placebos.window_sessions
group by studied.event_id, studied.company_id, studied.window_start, studied.window_end
