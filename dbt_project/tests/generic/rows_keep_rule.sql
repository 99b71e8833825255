{# Rows that break the rule: those for which `expression` does not hold. #}
{% test rows_keep_rule(model, expression) %}
    select *
    from {{ model }}
    where not coalesce({{ expression }}, false)
{% endtest %}
