with designs as (
    select
        episode_id,
        series_id,
        min(first_date) as first_date,
        max(last_date) as last_date
    from {{ ref('int_counterfactual_designs') }}
    group by episode_id, series_id
),

wanted as (
    select * from designs
    union all
    select
        designs.episode_id,
        candidates.control_series_id as series_id,
        designs.first_date,
        designs.last_date
    from designs
    inner join {{ ref('int_counterfactual_candidates') }} as candidates
        on
            designs.episode_id = candidates.episode_id
            and designs.series_id = candidates.series_id
    where candidates.is_clean
)

select distinct
    wanted.episode_id,
    days.control_series_id as series_id,
    days.series_date,
    days.value
from wanted
inner join {{ ref('int_counterfactual_control_days') }} as days
    on
        wanted.series_id = days.control_series_id
        and wanted.first_date <= days.series_date
        and wanted.last_date >= days.series_date
where days.value is not null
