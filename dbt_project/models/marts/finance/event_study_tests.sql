{%- set design = event_study_design() %}
with valued as (
    select * from {{ ref('int_group_statistics') }}
),

p_values as (
    select * from {{ ref('int_group_p_values') }}
),

kinds as (
    select * from {{ ref('event_study_test_kinds') }}
)

select
    valued.event_id,
    valued.event_date,
    valued.group_kind,
    valued.group_id,
    cast(valued.window_start as bigint) as window_start,
    cast(valued.window_end as bigint) as window_end,
    valued.test,
    cast(valued.n_firms as bigint) as n_firms,
    valued.mean_car,
    valued.mean_correlation,
    valued.statistic,
    kinds.distribution,
    valued.degrees_of_freedom,
    p_values.p_value,
    valued.null_reason,
    kinds.allows_event_variance,
    kinds.allows_correlation,
    kinds.source as test_source,
    {{ event_study_convention() }}
from valued
inner join kinds on valued.test = kinds.test
left join p_values
    on
        valued.event_id = p_values.event_id
        and valued.group_kind = p_values.group_kind
        and valued.group_id = p_values.group_id
        and valued.window_start = p_values.window_start
        and valued.window_end = p_values.window_end
        and valued.test = p_values.test
order by
    valued.event_date, valued.event_id, valued.group_kind, valued.group_id,
    valued.window_start, valued.window_end, valued.test
