-- A sorted list of structs, its first entry.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    list_sort(list({'by': abs(b.total - p.age), 'title': b.title}))[1].title AS note
FROM people AS p
LEFT JOIN bought AS b ON b.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    list_sort(list({'by': b.total, 'title': b.title}))[1].title AS note
FROM people AS p
LEFT JOIN bought AS b ON b.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand
