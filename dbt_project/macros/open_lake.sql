{#
    Shows the lake's Parquet files as the relations of source `raw`, before anything else runs.

    The folder comes from OBSERVATORY_LAKE and is read when the run starts. A load leaves a zero-row file
    of each table under `raw/_contract`, so that a table without rows is empty, not missing, and columns
    that older files lack are NULL.
#}
{% macro open_lake() -%}
    {{ return(adapter.dispatch('open_lake', 'migration_observatory')()) }}
{%- endmacro %}

{% macro default__open_lake() -%}
    {{ exceptions.raise_compiler_error('open_lake is not written for ' ~ target.type) }}
{%- endmacro %}

{% macro duckdb__open_lake() -%}
    {%- if execute -%}
        {%- set lake = env_var('OBSERVATORY_LAKE', '../.observatory/lake') | replace("'", "''") -%}
        create schema if not exists raw;
        {%- for table in graph.sources.values() if table.source_name == 'raw' %}
        create or replace view raw.{{ table.name }} as
        select * from read_parquet(
            '{{ lake }}/raw/*/{{ table.name }}/day=*/*.parquet',
            union_by_name = true, hive_partitioning = false
        );
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
