-- People bear the name of a table without people.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    ages.customer_id,
    ages.brand,
    (SELECT max(a.word) FROM ages AS a WHERE a.age = ages.age) AS note
FROM people AS ages

--- honest
SELECT
    stores.customer_id,
    stores.brand,
    (SELECT max(s.store) FROM stores AS s WHERE s.city = stores.city) AS note
FROM people AS stores
