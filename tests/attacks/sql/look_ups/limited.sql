-- LIMIT takes the item that stands where the age says.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:7: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT i.title
        FROM items AS i
        WHERE i.rank > p.age / 10
        ORDER BY i.rank
        LIMIT 1
    ) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT i.title
        FROM items AS i
        WHERE i.rank > (p.home).floor
        ORDER BY i.rank
        LIMIT 1
    ) AS note
FROM people AS p
