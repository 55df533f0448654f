-- An aggregate over a CASE takes the condition in.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    bool_or(p.age > 50)::varchar AS note
FROM people AS p
LEFT JOIN bought AS b ON b.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    bool_or(b.total > 50)::varchar AS note
FROM people AS p
LEFT JOIN bought AS b ON b.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand
