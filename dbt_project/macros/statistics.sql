{# The median of a group, NULLs left out. #}
{% macro median(value) -%}
    {{ return(adapter.dispatch('median', 'migration_observatory')(value)) }}
{%- endmacro %}

{% macro default__median(value) -%}
    percentile_cont(0.5) within group (order by {{ value }})
{%- endmacro %}

{% macro duckdb__median(value) -%}
    median({{ value }})
{%- endmacro %}
