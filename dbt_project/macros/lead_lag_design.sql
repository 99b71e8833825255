{#
    The design of every comparison of two series in time, in one place. `steps` are days or hours, as the scale
    says; a comparison needs `minimum` of them in both series. `days_before` the episode's window are compared
    too, so that quiet days stand beside the wave. `chance` is what the largest correlation may have to do with
    chance, over all lags together, before it is called a relation.
#}
{% macro lead_lag_design() -%}
    {{ return({
        'days_before': 28,
        'daily': {'max_lag': 14, 'minimum': 20, 'hours': 24},
        'hourly': {'max_lag': 48, 'minimum': 72, 'hours': 1},
        'chance': 0.05,
    }) }}
{%- endmacro %}


{# The instant (UTC) that a stamp `YYYYMMDDHHMMSS` names. #}
{% macro stamp_utc(stamp) -%}
    {{ return(adapter.dispatch('stamp_utc', 'migration_observatory')(stamp)) }}
{%- endmacro %}

{% macro default__stamp_utc(stamp) -%}
    to_timestamp({{ stamp }}, 'yyyyMMddHHmmss')
{%- endmacro %}

{% macro duckdb__stamp_utc(stamp) -%}
    strptime({{ stamp }}, '%Y%m%d%H%M%S')
{%- endmacro %}
