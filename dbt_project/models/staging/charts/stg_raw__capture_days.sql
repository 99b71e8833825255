{{ config(materialized='incremental', meta={'day': 'store_date'}) }}
select
    capture_id,
    store_date
from {{ raw_days('chart_captures') }}
union
select
    capture_id,
    store_date
from {{ raw_days('chart_entries') }}
