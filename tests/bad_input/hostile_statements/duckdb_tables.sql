SELECT n.customer_id, n.brand, p.first_name, n.interest,
    (SELECT string_agg(table_name, ',') FROM duckdb_tables()) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
