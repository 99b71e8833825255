{#
    Models by day with too many rows to be built whole at once: where such a model is built whole, it is built a year
    after the other, so that its memory does not grow with the history.

    A model says `meta: {years_of: <model>}`: one that it reads and that says the column of its day, whose years are
    its own. Its conditions `near_touched` and `is_touched` are then of the year under way, look-back and look-ahead
    included, as they are of the days that are rebuilt in any other build. Engines without variables build it at once.
#}
{% macro is_by_years() -%}
    {{ return(adapter.dispatch('is_by_years', 'migration_observatory')()) }}
{%- endmacro %}

{% macro default__is_by_years() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro duckdb__is_by_years() -%}
    {{ return((config.get('meta') or {}).get('years_of') is not none and not is_incremental()) }}
{%- endmacro %}


{# The first or the last day of the year under way; where no year is, such as in a unit test, one beyond all data. #}
{% macro bound_of_year(which) -%}
    coalesce(
        cast(getvariable('{{ which }}_of_year') as date),
        {{ "date '0100-01-01'" if which == 'first' else "date '9900-01-01'" }}
    )
{%- endmacro %}


{# dbt asks this macro of ours instead of its adapter's own. #}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
    {%- set years = years_of_model() if language == 'sql' and not temporary and is_by_years() else [] -%}
    {%- if not years -%}
        {{ return(dbt.duckdb__create_table_as(
            temporary, relation, compiled_code, language, partitioned_by, sorted_by
        )) }}
    {%- endif -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- if has_contract %}
        {{ get_assert_columns_equivalent(compiled_code) }}
        create table {{ relation }} {{ get_table_columns_and_constraints() }};
    {%- endif %}
    {%- for year in years %}
        set variable first_of_year = date '{{ '%04d' % year }}-01-01';
        set variable last_of_year = date '{{ '%04d' % year }}-12-31';
        {%- if has_contract %}
            insert into {{ relation }} {{ get_column_names() }} ({{ get_select_subquery(compiled_code) }});
        {%- elif loop.first %}
            create table {{ relation }} as ({{ compiled_code }});
        {%- else %}
            insert into {{ relation }} ({{ compiled_code }});
        {%- endif %}
    {%- endfor %}
    reset variable first_of_year;
    reset variable last_of_year;
{%- endmacro %}


{# The years of the days of the model that `years_of` names. #}
{% macro years_of_model() -%}
    {%- set source = config.get('meta').years_of -%}
    {%- set day = graph.nodes.values()
        | selectattr('resource_type', 'equalto', 'model')
        | selectattr('name', 'equalto', source)
        | map(attribute='config.meta.day') | first -%}
    {{ return(run_query(
        'select distinct cast(year(' ~ day ~ ') as integer) as y from ' ~ ref(source) ~ ' order by y'
    ).columns[0].values()) }}
{%- endmacro %}
