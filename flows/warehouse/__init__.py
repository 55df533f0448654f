"""The one door to DuckDB and to a workspace's sql/ folder."""
