{# The different values of a group as one text, sorted, NULLs left out; NULL where there is none. #}
{% macro distinct_text(value, separator=', ') -%}
    {{ return(adapter.dispatch('distinct_text', 'migration_observatory')(value, separator)) }}
{%- endmacro %}

{% macro default__distinct_text(value, separator) -%}
    nullif(array_join(sort_array(collect_set({{ value }})), '{{ separator }}'), '')
{%- endmacro %}

{% macro duckdb__distinct_text(value, separator) -%}
    string_agg(distinct {{ value }}, '{{ separator }}' order by {{ value }})
{%- endmacro %}


{# A count for people: 32,500,000. Fractions are kept where the figure has any. #}
{% macro readable_number(value) -%}
    {{ return(adapter.dispatch('readable_number', 'migration_observatory')(value)) }}
{%- endmacro %}

{% macro default__readable_number(value) -%}
    case
        when {{ value }} = floor({{ value }}) then format_number({{ value }}, 0)
        else cast({{ value }} as string)
    end
{%- endmacro %}

{% macro duckdb__readable_number(value) -%}
    case
        when {{ value }} = floor({{ value }}) then format('{:,.0f}', cast({{ value }} as double))
        else cast({{ value }} as varchar)
    end
{%- endmacro %}
