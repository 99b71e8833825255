{#
    Shows the lake's Parquet files as the relations of source `raw`, before anything else runs.

    The folder comes from OBSERVATORY_LAKE and is read when the run starts. A load leaves a zero-row file
    of each table under `raw/_contract`, so that a table without rows is empty, not missing, and columns
    that older files lack are NULL.

    A view opens every file when it is made. Dated tables have a file a day, so they are read by `raw_days` alone.
#}
{% macro open_lake() -%}
    {{ return(adapter.dispatch('open_lake', 'migration_observatory')()) }}
{%- endmacro %}

{% macro default__open_lake() -%}
    {{ exceptions.raise_compiler_error('open_lake is not written for ' ~ target.type) }}
{%- endmacro %}

{% macro duckdb__open_lake() -%}
    {%- if execute -%}
        create schema if not exists raw;
        {%- for table in graph.sources.values() if table.source_name == 'raw' and table.name not in dated_tables() %}
        create or replace view raw.{{ table.name }} as
        select * from {{ lake_files(table.name) }};
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}


{# All rows that the lake has of a raw table. #}
{% macro lake_files(table) -%}
    {%- set lake = env_var('OBSERVATORY_LAKE', '../.observatory/lake') | replace("'", "''") -%}
    read_parquet(
        '{{ lake }}/raw/*/{{ table }}/day=*/*.parquet',
        union_by_name = true, hive_partitioning = false
    )
{%- endmacro %}
