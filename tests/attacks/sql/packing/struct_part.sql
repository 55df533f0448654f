-- A struct of both hands on the part that is called item.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    struct_pack(item := p.age, size := l.total).item AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    struct_pack(item := l.title, size := l.total).item AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
