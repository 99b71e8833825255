{# Schemas are called as the layer says (`staging`, `marts`), without the target's schema in front. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
