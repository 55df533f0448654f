"""The history: decisions, claims, batches and receipts, in one DuckDB file that is open only while it must be."""
