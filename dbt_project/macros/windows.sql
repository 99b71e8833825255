{# The median of a window's values, NULLs left out. #}
{% macro median_over(value, window) -%}
    {{ return(adapter.dispatch('median_over', 'migration_observatory')(value, window)) }}
{%- endmacro %}

{% macro default__median_over(value, window) -%}
    percentile({{ value }}, 0.5) over {{ window }}
{%- endmacro %}

{% macro duckdb__median_over(value, window) -%}
    median({{ value }}) over {{ window }}
{%- endmacro %}


{# The median absolute deviation from their median of a window's values, NULLs left out. #}
{% macro mad_over(value, window) -%}
    {{ return(adapter.dispatch('mad_over', 'migration_observatory')(value, window)) }}
{%- endmacro %}

{% macro default__mad_over(value, window) -%}
    {%- set values = 'collect_list(' ~ value ~ ') over ' ~ window -%}
    {%- set deviations -%}
        array_sort(transform({{ values }}, v -> abs(v - percentile({{ value }}, 0.5) over {{ window }})))
    {%- endset -%}
    (
        get({{ deviations }}, (size({{ deviations }}) - 1) div 2)
        + get({{ deviations }}, size({{ deviations }}) div 2)
    ) / 2
{%- endmacro %}

{% macro duckdb__mad_over(value, window) -%}
    mad({{ value }}) over {{ window }}
{%- endmacro %}
