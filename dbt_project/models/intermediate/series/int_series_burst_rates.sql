{{ config(materialized='table') }}
with observations as (
    {{ burst_observations() }}
)

select
    series_id,
    regime,
    min(regime_date) as regime_date,
    count(*) as batches,
    {{ in_order('sum', 'usable_value', 'series_date') }}
    / {{ in_order('sum', 'monitored', 'series_date') }} as base_rate
from observations
group by series_id, regime
