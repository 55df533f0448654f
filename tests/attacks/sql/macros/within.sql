-- A macro counts rows of the person that it is given.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on a row of visits, which is 'visits', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    seen_by(p.customer_id) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    by_age((p.home).floor, 'high up', 'near the ground') AS note
FROM people AS p
