{#
    1 for the row of a key that was seen last, counting up to older ones. Several sources may bring the
    same key; the latest `observed_at` wins, then what a person released from quarantine (the next load of
    the source that it came from does not undo it), then the later load.
#}
{% macro seen_order(key) -%}
    row_number() over (
        partition by {{ key | join(', ') }}
        order by observed_at desc, case when source = 'released' then 0 else 1 end, load_id desc
    )
{%- endmacro %}
