{#
    Incremental models by day: one mechanism for all of them.

    A model that is `materialized: incremental` and says `meta: {day: <its column>}` is rebuilt for the days whose
    inputs changed, and for no others. It follows from

      - the raw tables of `dated_tables`, whose partition is the day of their rows: each day by itself,
      - other incremental models, each day by itself,
      - everything else (the code, other raw tables): a change of it rebuilds the model whole,
      - `meta: {whole: <name>}`: what the query of the macro `whole_<name>` gives, likewise.

    They are read off the graph, so none can be forgotten. `meta: {look_back: n}`: a day also needs the n days
    before it, so n days after one that changed are rebuilt, too; `look_ahead` is its mirror image. `meta: {spread: <name>}`: the macro
    `spread_<name>` gives further days, as a query over `changed`.

    The warehouse itself remembers, in schema `upkeep`, what each model is made from. A model writes it in the
    transaction that writes its rows, so both hold or neither: a killed build leaves the days to the next one.

      lake_days      the raw partitions when this run began, and the code; empty where nobody told
      model_days     per model and day: what it was made from, and the run that last rebuilt it
      touched_days   per model: the days that its last build rebuilt, and whether its tests have passed since

    Where nobody tells the state of the lake (OBSERVATORY_LAKE_DAYS, see `orchestration.upkeep`), all is rebuilt.
    What is not of a day stands under the day `undated()`.
#}
{% macro undated() -%}
    date '0001-01-01'
{%- endmacro %}


{# Raw tables whose partition is the day that their rows tell of, under every key of theirs but `capture_id`. #}
{% macro dated_tables() -%}
    {{ return(['chart_entries', 'chart_captures', 'attention', 'news_volume']) }}
{%- endmacro %}


{# Reads the state of the lake, before anything else runs. #}
{% macro note_lake() -%}
    {%- if execute -%}
        {%- set told = env_var('OBSERVATORY_LAKE_DAYS', '') | replace("'", "''") %}
        create schema if not exists upkeep;
        create table if not exists upkeep.model_days (
            model varchar, day date, inputs varchar, version varchar, written varchar
        );
        create table if not exists upkeep.touched_days (model varchar, day date, is_proven boolean);
        create or replace table upkeep.lake_days (table_name varchar, day date, digest varchar);
        {%- if told %}
        insert into upkeep.lake_days
        select table_name, day, digest
        from read_csv(
            '{{ told }}', header = true, delim = ',',
            columns = {table_name: 'varchar', day: 'date', digest: 'varchar'}
        );
        {%- endif %}
    {%- endif -%}
{%- endmacro %}


{# Whether `node` is built by day. #}
{% macro is_by_day(node) -%}
    {{ return(
        node.resource_type == 'model'
        and node.config.materialized == 'incremental'
        and (node.config.meta or {}).get('day') is not none
    ) }}
{%- endmacro %}


{# Raw tables and incremental models that a model reads, itself or through others: `tables` and `models`. #}
{% macro inputs_of(unique_id) -%}
    {%- set found = {'tables': [], 'models': [], 'seen': [unique_id]} -%}
    {%- set left = [unique_id] -%}
    {%- for _ in range(1000) if left -%}
        {%- for parent in graph.nodes[left.pop()].depends_on.nodes if parent not in found.seen -%}
            {%- do found.seen.append(parent) -%}
            {%- if parent in graph.sources -%}
                {%- do found.tables.append(graph.sources[parent].name) -%}
            {%- elif is_by_day(graph.nodes[parent]) -%}
                {%- do found.models.append(graph.nodes[parent].name) -%}
            {%- elif graph.nodes[parent].resource_type == 'model' -%}
                {%- do left.append(parent) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{# What the model is made from now, as a query: `day`, `inputs`. #}
{% macro inputs_now() -%}
    {%- set found = inputs_of(model.unique_id) -%}
    {%- set whole = config.get('meta', {}).get('whole') %}
    select
        day,
        md5(string_agg(said, ' ' order by said)) as inputs
    from (
        select
            case when table_name in ('{{ dated_tables() | join("', '") }}') then day else {{ undated() }} end as day,
            table_name || ' ' || day || ' ' || digest as said
        from upkeep.lake_days
        where table_name in ('code', '{{ found.tables | join("', '") }}')
        union all
        select
            day,
            model || ' ' || version as said
        from upkeep.model_days
        where model in ('{{ found.models | join("', '") }}')
        {%- if whole %}
        union all
        select
            {{ undated() }} as day,
            'whole ' || said as said
        from ({{ context['whole_' ~ whole]() }})
        {%- endif %}
    )
    group by day
{%- endmacro %}


{#
    dbt asks this macro of ours instead of its own: a model by day is also rebuilt whole where what is not of a day
    changed, or where a whole build of it has not passed its tests.
#}
{% macro should_full_refresh() -%}
    {%- set asked = config.get('full_refresh') -%}
    {%- set asked = flags.FULL_REFRESH if asked is none else asked -%}
    {%- if asked or not execute or not is_by_day(model) -%}
        {{ return(asked) }}
    {%- endif -%}
    {#- dbt asks for each mention of `is_incremental`, and `graph` is what all parts of a run share. -#}
    {%- set answers = graph.setdefault('built_whole ' ~ invocation_id, {}) -%}
    {%- if model.name not in answers -%}
        {%- set same -%}
            select count(*)
            from upkeep.model_days as made
            inner join ({{ inputs_now() }}) as now
                on made.day = now.day and made.inputs = now.inputs
            where
                made.model = '{{ model.name }}'
                and made.day = {{ undated() }}
                and exists (select 1 from upkeep.lake_days)
                and not exists (
                    select 1 from upkeep.touched_days
                    where model = made.model and day = made.day and not is_proven
                )
        {%- endset -%}
        {%- do answers.update({model.name: run_query(same).columns[0].values()[0] == 0}) -%}
    {%- endif -%}
    {{ return(answers[model.name]) }}
{%- endmacro %}


{#
    The condition that a row of the model under way is of a day that is rebuilt; true of all where it is built whole
    at once (see `by_years`).
    The range says nothing new, but an engine can tell by it what it need not read.
#}
{% macro is_touched(day) -%}
    {{ near_touched(day) }}
    {%- if is_incremental() %}
        and {{ day }} in (select t.day from upkeep.touched_days as t where t.model = '{{ model.name }}')
    {%- endif -%}
{%- endmacro %}


{# What the model held before, for the rows that it keeps; where it is built whole, nothing: `like` is never read. #}
{% macro stored_rows(like) -%}
    {{ this if is_incremental() else like }}
{%- endmacro %}


{# The condition that a stored row is of a day that is not rebuilt. #}
{% macro is_kept(day) -%}
    {{ 'not (' ~ is_touched(day) ~ ')' if is_incremental() else 'false' }}
{%- endmacro %}


{# The days from `first` to `last` that may be rebuilt, as rows of a select list: to be asked for with `is_touched`. #}
{% macro each_touched_day(first, last) -%}
    {%- if is_incremental() or is_by_years() -%}
        {{ each_day(
            'greatest(' ~ first ~ ', ' ~ bound_of_days('first') ~ ')',
            'least(' ~ last ~ ', ' ~ bound_of_days('last') ~ ')'
        ) }}
    {%- else -%}
        {{ each_day(first, last) }}
    {%- endif -%}
{%- endmacro %}


{# The condition that a day is at most `before` days before, or `after` days after, some day that is rebuilt. #}
{% macro near_touched(day, before=0, after=0) -%}
    {%- if is_incremental() or is_by_years() -%}
        {{ day }} >= {{ days_after(bound_of_days('first'), -before) }}
        and {{ day }} <= {{ days_after(bound_of_days('last'), after) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}


{# The first or the last day that is built: that changed or, where the model is built by years, of the year. #}
{% macro bound_of_days(which) -%}
    {{ return(bound_of_year(which) if is_by_years() else bound_of_touched(which)) }}
{%- endmacro %}


{# The first or the last day that is rebuilt. #}
{% macro bound_of_touched(which) -%}
    {{ return(adapter.dispatch('bound_of_touched', 'migration_observatory')(which)) }}
{%- endmacro %}

{% macro default__bound_of_touched(which) -%}
    (
        select {{ 'min' if which == 'first' else 'max' }}(t.day)
        from upkeep.touched_days as t
        where t.model = '{{ model.name }}'
    )
{%- endmacro %}

{# Variables are known when a query is planned, and results of queries are not. #}
{% macro duckdb__bound_of_touched(which) -%}
    cast(getvariable('{{ which }}_touched') as date)
{%- endmacro %}


{# Pre-hook: says which days are rebuilt, and takes their rows away. #}
{% macro touch_days() -%}
    {%- if is_by_day(model) -%}
        {%- if is_incremental() -%}
            {%- set meta = config.get('meta') -%}
            delete from upkeep.touched_days where model = '{{ model.name }}' and is_proven;
            insert into upkeep.touched_days
            with changed as (
                select coalesce(now.day, made.day) as day
                from ({{ inputs_now() }}) as now
                full outer join (
                    select * from upkeep.model_days
                    where model = '{{ model.name }}'
                ) as made on now.day = made.day
                where now.inputs is distinct from made.inputs
                union
                select day from upkeep.touched_days
                where model = '{{ model.name }}'
            ),

            spread as (
                select
                    {{ each_day(
                        days_after('day', -meta.get('look_ahead', 0)), days_after('day', meta.get('look_back', 0))
                    ) }} as day
                from changed
                {%- if meta.get('spread') %}
                union
                {{ context['spread_' ~ meta.spread]() }}
                {%- endif %}
            )

            select distinct '{{ model.name }}', day, false
            from spread
            where day not in (select day from upkeep.touched_days where model = '{{ model.name }}');
            {{ name_touched() }}
            delete from {{ this }} where {{ is_touched(meta.day) }};
        {%- else -%}
            delete from upkeep.touched_days where model = '{{ model.name }}';
            insert into upkeep.touched_days values ('{{ model.name }}', {{ undated() }}, false);
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# Post-hook: remembers what the model is made from now, and which days this run rebuilt. #}
{% macro note_days() -%}
    {%- if is_by_day(model) -%}
        insert into upkeep.model_days
        with known as (
            select now.*
            from ({{ inputs_now() }}) as now
            where exists (select 1 from upkeep.lake_days)
        ),

        made as (
            select * from upkeep.model_days
            where model = '{{ model.name }}'
        ),

        touched as (
            select * from upkeep.touched_days
            where model = '{{ model.name }}'
        ),

        days as (
            select day from known
            union
            select day from made
            union
            select day from touched
        )

        select
            '{{ model.name }}',
            days.day,
            known.inputs,
            case
                when touched.day is null and made.version is not null
                    and not exists (select 1 from touched as t where t.day = {{ undated() }})
                    then made.version
                else '{{ invocation_id }}'
            end,
            '{{ invocation_id }}'
        from days
        left join known on days.day = known.day
        left join made on days.day = made.day
        left join touched on days.day = touched.day
        where exists (select 1 from upkeep.lake_days);
        delete from upkeep.model_days
        where model = '{{ model.name }}' and written != '{{ invocation_id }}';
    {%- endif -%}
{%- endmacro %}


{# At the end of a run: the days of each model whose tests have all run, and passed, are proven. #}
{% macro note_proven(results) -%}
    {%- if execute -%}
        {%- set good = [] -%}
        {%- for result in results if result.status in ('success', 'pass', 'warn') -%}
            {%- do good.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- set unproven = [] -%}
        {%- for test in graph.nodes.values() if test.resource_type == 'test' and test.unique_id not in good -%}
            {%- for tested in test.depends_on.nodes if tested in graph.nodes -%}
                {%- do unproven.extend(days_of(graph.nodes[tested])) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values() if is_by_day(node) and node.unique_id in good and node.name not in unproven %}
            update upkeep.touched_days set is_proven = true where model = '{{ node.name }}';
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#
    The models by day whose days are those of a node's rows: itself, or of a view with `meta: {day: <its column>}`
    those that it reads, each row from rows of its own day.
#}
{% macro days_of(node) -%}
    {%- if is_by_day(node) -%}
        {{ return([node.name]) }}
    {%- elif node.resource_type == 'model' and (node.config.meta or {}).get('day') is not none -%}
        {{ return(inputs_of(node.unique_id).models) }}
    {%- else -%}
        {{ return([]) }}
    {%- endif -%}
{%- endmacro %}


{# dbt's tests of what is built by day look at the days that the last build rebuilt: the others have passed them. #}
{% macro get_where_subquery(relation) -%}
    {%- set ns = namespace(where=config.get('where')) -%}
    {%- if execute and relation.identifier -%}
        {%- for node in graph.nodes.values() if node.name == relation.identifier and days_of(node) -%}
            {%- set models = "'" ~ days_of(node) | join("', '") ~ "'" -%}
            {%- set touched -%}
                select
                    min(day) as first_day,
                    max(day) as last_day,
                    coalesce(bool_or(day = {{ undated() }}), false) as is_whole
                from upkeep.touched_days
                where model in ({{ models }})
            {%- endset -%}
            {%- set bounds = run_query(touched).rows[0] -%}
            {%- if not bounds['is_whole'] -%}
                {#- The range says nothing new, but an engine can tell by it what it need not read. -#}
                {%- set rebuilt -%}
                    {{ node.config.meta.day }} in (
                        select t.day from upkeep.touched_days as t where t.model in ({{ models }})
                    )
                    {%- if bounds['first_day'] %}
                    and {{ node.config.meta.day }} between date '{{ bounds['first_day'] }}' and date '{{ bounds['last_day'] }}'
                    {%- endif %}
                {%- endset -%}
                {%- set ns.where = '(' ~ ns.where ~ ') and ' ~ rebuilt if ns.where else rebuilt -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if ns.where -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ ns.where ~ ') as dbt_subquery') }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}


{#
    A dated raw table, as far as the model under way needs it: whole or, where it is rebuilt by day, the files of
    those days. Opening those of all days takes longer than reading one, so no view shows them (see `open_lake`).
#}
{% macro raw_days(table) -%}
    {{ return(adapter.dispatch('raw_days', 'migration_observatory')(table)) }}
{%- endmacro %}

{% macro default__raw_days(table) -%}
    {{ source('raw', table) }}
{%- endmacro %}

{% macro duckdb__raw_days(table) -%}
    {%- set whole = source('raw', table) -%}
    {%- if is_incremental() -%}
        read_parquet(getvariable('files_of_{{ table }}'), union_by_name = true, hive_partitioning = false)
    {%- elif whole.is_cte -%}
        {{ whole }} {#- what a unit test gives -#}
    {%- else -%}
        {{ lake_files(table) }}
    {%- endif -%}
{%- endmacro %}


{# Part of the pre-hook: what `bound_of_touched` and `raw_days` need to know of the days that are rebuilt. #}
{% macro name_touched() -%}
    {{ return(adapter.dispatch('name_touched', 'migration_observatory')()) }}
{%- endmacro %}

{% macro default__name_touched() -%}
{%- endmacro %}

{% macro duckdb__name_touched() -%}
    set variable first_touched = (select min(t.day) from upkeep.touched_days as t where t.model = '{{ model.name }}');
    set variable last_touched = (select max(t.day) from upkeep.touched_days as t where t.model = '{{ model.name }}');
    {%- set lake = env_var('OBSERVATORY_LAKE', '../.observatory/lake') | replace("'", "''") -%}
    {%- for parent in model.depends_on.nodes if parent in graph.sources and graph.sources[parent].name in dated_tables() %}
    {%- set table = graph.sources[parent].name %}
    {#- The files of these days alone are looked for: to list those of all days takes longer than to read one. #}
    set variable files_of_{{ table }} = (
        select list('{{ lake }}/raw/' || place || '/*.parquet')
        from (
            select '_contract/{{ table }}/day=*' as place
            union all
            select '*/{{ table }}/day=' || d.day
            from upkeep.lake_days as d
            where
                d.table_name = '{{ table }}'
                and d.day in (select t.day from upkeep.touched_days as t where t.model = '{{ model.name }}')
        )
    );
    {%- endfor %}
{%- endmacro %}
