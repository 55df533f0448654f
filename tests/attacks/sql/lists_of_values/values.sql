-- VALUES are looked up by the age.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:3: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT p.customer_id, p.brand, w.word AS note
FROM people AS p
LEFT JOIN (VALUES (2, 'young'), (3, 'grown'), (5, 'wise')) AS w(decade, word) ON w.decade = p.age // 10

--- honest
SELECT p.customer_id, p.brand, w.word AS note
FROM people AS p
LEFT JOIN (VALUES (0, 'low'), (1, 'first'), (2, 'high')) AS w(level, word) ON w.level = (p.home).floor
