"""Gets data and lands it: archive, parse, check, lake. Imports neither Dagster nor dbt."""
