{%- set design = event_study_design() %}
{%- set largest_df = design.estimation_longest - design.lost_degrees %}
with numbers as (
    select {{ each_number(0, largest_df // 2) }} as k
),

factors as (
    select
        0 as parity,
        k,
        case when k = 0 then 0 else ln((2 * k - 1.0) / (2 * k)) end as log_factor
    from numbers
    union all
    select
        1 as parity,
        k,
        case when k = 0 then 0 else ln((2.0 * k) / (2 * k + 1)) end as log_factor
    from numbers
)

select
    parity,
    k,
    exp(
        sum(log_factor) over (
            partition by parity
            order by k
            rows between unbounded preceding and current row
        )
    ) as coefficient
from factors
