{#
    1 for the row of a key that was seen last, counting up to older ones. Several sources may bring the
    same key; the latest `observed_at` wins, then the later load.
#}
{% macro seen_order(key) -%}
    row_number() over (partition by {{ key | join(', ') }} order by observed_at desc, load_id desc)
{%- endmacro %}
