{# Every whole number from `first` to `last`, both included, as rows of a select list. #}
{% macro each_number(first, last) -%}
    {{ return(adapter.dispatch('each_number', 'migration_observatory')(first, last)) }}
{%- endmacro %}

{% macro default__each_number(first, last) -%}
    explode(sequence({{ first }}, {{ last }}))
{%- endmacro %}

{% macro duckdb__each_number(first, last) -%}
    unnest(generate_series({{ first }}, {{ last }}))
{%- endmacro %}
