"""Dagster definitions, one module a stretch of the way of the data."""
