"""When things run and what the web UI shows. Thin: all work is in `ingestion` and dbt."""
