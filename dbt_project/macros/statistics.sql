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


{#
    An aggregate that takes its rows in order. Sums of floating-point numbers depend on it in their last
    digits, and a build from the same data must give the same marts.
#}
{% macro in_order(aggregate, arguments, order_by) -%}
    {{ return(adapter.dispatch('in_order', 'migration_observatory')(aggregate, arguments, order_by)) }}
{%- endmacro %}

{% macro default__in_order(aggregate, arguments, order_by) -%}
    {{ aggregate }}({{ arguments }})
{%- endmacro %}

{% macro duckdb__in_order(aggregate, arguments, order_by) -%}
    {{ aggregate }}({{ arguments }} order by {{ order_by }})
{%- endmacro %}
