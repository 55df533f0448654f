"""The way of a row: segments out of DuckDB, relevance in Polars, words from Jinja2, delivery files with claims behind them."""
