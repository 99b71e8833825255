{#
    Rows after which one of `columns` is larger at the next higher `along`, within the same values of `within` (a
    dictionary of names and expressions).
#}
{% test never_rises(model, columns, along, within) %}
    with points as (
        select distinct
            {%- for name, expression in within.items() %}
            {{ expression }} as {{ name }},
            {%- endfor %}
            {{ along }} as along,
            {{ columns | join(', ') }}
        from {{ model }}
        where {{ along }} is not null
    ),

    followed as (
        select
            *
            {%- for column in columns %},
            lead({{ column }}) over (partition by {{ within | join(', ') }} order by along) as next_{{ column }}
            {%- endfor %}
        from points
    )

    select * from followed
    where
        {%- for column in columns %}
        {{ 'or ' if not loop.first }}next_{{ column }} > {{ column }}
        {%- endfor %}
{% endtest %}
