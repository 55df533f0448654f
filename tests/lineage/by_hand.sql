-- One query a line, over the tables of warehouse.py: what somebody may try who knows how lineage is traced.
SELECT p.customer_id, p.brand, p.age_band AS f, p.city AS F FROM people p
SELECT p.customer_id, p.brand, q.f FROM people p JOIN (SELECT customer_id, age_band AS f, city AS F FROM people) q USING (customer_id)
(SELECT customer_id, brand, city AS x, age_band::varchar AS x, city AS f FROM people) UNION ALL (SELECT customer_id, brand, city AS x, age_band::varchar AS f, first_name AS x FROM people WHERE false)
SELECT p.customer_id, p.brand, u.n AS f FROM people p, unnest((SELECT [count(*)] FROM visits)) AS u(n)
SELECT p.customer_id, p.brand, first_value(o.item_id) OVER w2 AS f, o.order_id AS subject_id FROM people p JOIN orders o ON o.customer_id = p.customer_id WINDOW w AS (PARTITION BY p.customer_id, p.brand), w2 AS (PARTITION BY p.customer_id ORDER BY abs(o.total - p.age_band), o.order_id)
WITH c AS (SELECT DISTINCT ON (o.customer_id, p.age_band > o.total) o.customer_id FROM orders o JOIN people p ON p.customer_id = o.customer_id) SELECT c.customer_id, 'a' AS brand, count(*)::varchar AS f FROM c GROUP BY c.customer_id
WITH c AS (SELECT o.customer_id, o.item_id FROM orders o INTERSECT ALL SELECT o.customer_id, o.item_id FROM orders o JOIN people p ON p.customer_id = o.customer_id AND p.age_band > o.total) SELECT c.customer_id, 'a' AS brand, count(*)::varchar AS f FROM c GROUP BY c.customer_id
SELECT p.customer_id, p.brand, p.first_name AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id GROUP BY ALL HAVING count(*) > 2
SELECT o.customer_id, p.brand, o.order_id AS subject_id, row_number() OVER (PARTITION BY o.customer_id ORDER BY o.order_id) AS f FROM orders o JOIN people p ON p.customer_id = o.customer_id WHERE o.order_id < concat('o', p.age_band)
WITH c AS (SELECT customer_id, item_id FROM orders WHERE total > 2 QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY order_id) = 1) SELECT p.customer_id, p.brand, p.first_name AS f FROM people p LEFT JOIN c ON c.customer_id = p.customer_id
WITH c AS (SELECT v.customer_id, 1 AS n FROM visits v QUALIFY row_number() OVER (PARTITION BY v.customer_id ORDER BY v.visit_id) = 1) SELECT p.customer_id, p.brand, count(c.n) AS f FROM people p LEFT JOIN c ON c.customer_id = p.customer_id GROUP BY p.customer_id, p.brand
WITH c AS (SELECT v.customer_id, 1 AS n FROM visits v QUALIFY row_number() OVER (PARTITION BY v.customer_id ORDER BY v.visit_id) = 1) SELECT q.customer_id, q.brand, count(*) AS f FROM people q LEFT JOIN (SELECT p.customer_id, p.brand FROM people p JOIN c ON c.customer_id = p.customer_id) x ON x.customer_id = q.customer_id GROUP BY q.customer_id, q.brand
WITH c AS (SELECT v.customer_id, 1 AS n FROM visits v QUALIFY row_number() OVER (PARTITION BY v.customer_id ORDER BY v.visit_id) = 1), d AS (SELECT customer_id, 1 AS n FROM c UNION ALL SELECT customer_id, 2 FROM people) SELECT d.customer_id, 'a' AS brand, count(*) AS f FROM d GROUP BY d.customer_id
WITH d AS (SELECT customer_id, brand FROM grown UNION ALL SELECT customer_id, brand FROM people) SELECT d.customer_id, d.brand, count(*) AS f FROM d GROUP BY d.customer_id, d.brand
SELECT p.customer_id, p.brand, count(*) AS f FROM people p FULL JOIN grown g ON g.customer_id = p.customer_id GROUP BY ALL
SELECT p.customer_id, p.brand, sum(g.n) AS f FROM people p LEFT JOIN (SELECT customer_id, 1 AS n FROM grown) g ON g.customer_id = p.customer_id GROUP BY ALL
SELECT p.customer_id, p.brand, row_number() OVER (PARTITION BY p.customer_id) AS f FROM people p JOIN visits v ON v.customer_id = p.customer_id QUALIFY row_number() OVER (PARTITION BY p.customer_id ORDER BY v.visit_id DESC) = 1
SELECT p.customer_id, p.brand, max(q.f) AS f FROM people p LEFT JOIN (SELECT customer_id, brand, first_name AS f FROM people LIMIT 10) q ON q.customer_id = p.customer_id GROUP BY ALL
SELECT p.customer_id, p.brand, p.city AS age_band, concat(age_band) AS f FROM people p
SELECT p.customer_id, p.brand, p.city AS traits, (SELECT max(label) FROM labels WHERE label > traits) AS f FROM people p
WITH c AS (SELECT p.customer_id, p.brand, p.city AS age_band, 'x' AS g FROM people p WHERE age_band > 2) SELECT p.customer_id, p.brand, c.g AS f FROM people p LEFT JOIN c ON c.customer_id = p.customer_id
SELECT DISTINCT ON (p.customer_id, p.brand) p.customer_id, p.brand, o.item_id AS f, o.day AS age_band FROM people p JOIN orders o USING (customer_id) ORDER BY p.customer_id, p.brand, abs(age_band - o.total), o.order_id
WITH c AS (SELECT DISTINCT o.customer_id, p.age_band > o.total AS x FROM orders o JOIN people p ON p.customer_id = o.customer_id) SELECT c.customer_id, 'a' AS brand, count(*)::varchar AS f FROM c GROUP BY c.customer_id
WITH c AS (SELECT o.customer_id, p.age_band > o.total AS x FROM orders o JOIN people p ON p.customer_id = o.customer_id UNION SELECT o.customer_id, false FROM orders o) SELECT c.customer_id, 'a' AS brand, count(*)::varchar AS f FROM c GROUP BY c.customer_id
SELECT o.customer_id, 'a' AS brand, o.order_id AS subject_id, count(*) OVER (PARTITION BY o.customer_id) AS f FROM orders o JOIN people p ON p.customer_id = o.customer_id WHERE substr(o.order_id, 2, 1)::int > p.age_band
SELECT p.customer_id, p.brand, first_value(o.item_id) OVER (w ORDER BY abs(o.total - p.age_band), o.order_id) AS f, o.order_id AS subject_id FROM people p JOIN orders o ON o.customer_id = p.customer_id WINDOW w AS (PARTITION BY p.customer_id, p.brand)
SELECT p.customer_id, p.brand, first_value(o.item_id) OVER w2 AS f, o.order_id AS subject_id FROM people p JOIN orders o ON o.customer_id = p.customer_id WINDOW w AS (PARTITION BY p.customer_id, p.brand), w2 AS (w ORDER BY abs(o.total - p.age_band), o.order_id)
SELECT p.customer_id, p.brand, (SELECT i.title FROM items i ORDER BY abs(i.rank - p.age_band), i.rank OFFSET 5) AS f FROM people p
SELECT p.customer_id, p.brand, array(SELECT i.title FROM items i WHERE i.rank > p.age_band ORDER BY i.rank)::varchar AS f FROM people p
SELECT p.customer_id, p.brand, (p.age_band, p.city) < (2, 'Y') AS f FROM people p
SELECT p.customer_id, p.brand, (p.age_band, 1) IN (SELECT code, 1 FROM labels WHERE code > 2) AS f FROM people p
WITH c AS (SELECT o.customer_id, o.item_id FROM orders o JOIN people p ON p.customer_id = o.customer_id ORDER BY abs(o.total - p.age_band), o.order_id) SELECT c.customer_id, 'a' AS brand, list(c.item_id)::varchar AS f FROM c GROUP BY c.customer_id
WITH c AS ((SELECT o.customer_id, o.item_id, abs(o.total - p.age_band) AS k FROM orders o JOIN people p ON p.customer_id = o.customer_id) UNION ALL (SELECT 'z', 'z', 0) ORDER BY 3, 2) SELECT c.customer_id, 'a' AS brand, list(c.item_id)::varchar AS f FROM c GROUP BY c.customer_id
WITH c AS (SELECT o.customer_id, o.item_id, row_number() OVER (PARTITION BY o.customer_id) AS n FROM (SELECT o.customer_id, o.item_id FROM orders o JOIN people p ON p.customer_id = o.customer_id ORDER BY abs(o.total - p.age_band), o.order_id) o) SELECT c.customer_id, 'a' AS brand, c.item_id AS f FROM c WHERE c.n = 1
SELECT customer_id, brand, f FROM (SELECT p.customer_id, p.brand, 'x' AS f FROM people p WHERE p.age_band > 2 UNION ALL SELECT p.customer_id, p.brand, 'y' FROM people p WHERE p.age_band <= 2)
SELECT customer_id, brand, max(f) AS f FROM (FROM people SELECT customer_id, brand, age_band::varchar AS f) GROUP BY ALL
FROM people SELECT customer_id, brand, age_band AS f
SELECT p.customer_id, p.brand, q.first_name AS f FROM people p LEFT JOIN people q ON q.customer_id = p.customer_id AND q.brand = p.brand AND p.age_band > 2
SELECT p.customer_id, p.brand, q.first_name AS f FROM people p LEFT JOIN (SELECT * FROM people WHERE age_band > 2) q USING (customer_id, brand)
SELECT customer_id, brand, f FROM (SELECT customer_id, brand, first_name AS f FROM people) q SEMI JOIN (SELECT customer_id FROM orders WHERE day > 2) o ON o.customer_id = q.customer_id
WITH c AS (SELECT customer_id, brand, 'k' AS f FROM people p ANTI JOIN orders o ON o.customer_id = p.customer_id AND o.total > p.age_band) SELECT p.customer_id, p.brand, c.f FROM people p LEFT JOIN c ON c.customer_id = p.customer_id
SELECT p.customer_id, p.brand, coalesce(q.customer_id, 'none') AS f FROM people p LEFT JOIN (SELECT customer_id FROM people WHERE age_band > 2) q ON q.customer_id = p.customer_id
SELECT p.customer_id, p.brand, coalesce(q.brand, 'none') AS f FROM people p LEFT JOIN (SELECT customer_id, brand FROM people WHERE age_band > 2) q ON q.customer_id = p.customer_id
SELECT p.customer_id, p.brand, count(q.customer_id)::varchar AS f FROM people p LEFT JOIN (SELECT customer_id FROM people WHERE age_band > 2) q ON q.customer_id = p.customer_id GROUP BY p.customer_id, p.brand
SELECT p.customer_id, p.brand, (p.customer_id IN (SELECT customer_id FROM people WHERE age_band > 2))::varchar AS f FROM people p
SELECT p.customer_id, p.brand, (p.customer_id = ANY (SELECT customer_id FROM grown))::varchar AS f FROM people p
SELECT p.customer_id, p.brand, (SELECT max(g.brand) FROM grown g WHERE g.customer_id = p.customer_id) AS f FROM people p
SELECT p.customer_id, p.brand, f FROM people p JOIN (SELECT customer_id, 'x' AS f FROM people WHERE age_band > 2 UNION ALL SELECT customer_id, 'y' AS f FROM people WHERE age_band < 2) q USING (customer_id)
SELECT customer_id, brand, f FROM (SELECT p.customer_id, p.brand, p.first_name AS f, rank() OVER (PARTITION BY p.customer_id ORDER BY o.total, o.order_id) AS r FROM people p JOIN orders o ON o.customer_id = p.customer_id) WHERE r = 2
SELECT p.customer_id, p.brand, o.item_id AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id WHERE o.total = (SELECT max(v.times) FROM visits v WHERE v.customer_id = p.customer_id)
SELECT p.customer_id, p.brand, o.item_id AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id WHERE (CASE WHEN p.age_band > 2 THEN o.total ELSE o.day END) = 3
SELECT p.customer_id, p.brand, max(o.item_id) AS f FROM people p LEFT JOIN orders o ON o.customer_id = p.customer_id AND o.total > 1 AND p.age_band > 2 GROUP BY p.customer_id, p.brand
SELECT p.customer_id, p.brand, list_aggregate([o.total, p.age_band], 'sum')::varchar AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id
SELECT p.customer_id, p.brand, list_transform([1], lambda age_band: age_band + 1)::varchar AS f FROM people p
SELECT p.customer_id, p.brand, list_reduce([1, 2, 3], lambda a, b: a + b + p.age_band)::varchar AS f FROM people p
SELECT p.customer_id, p.brand, [x + age_band for x in [1, 2]]::varchar AS f FROM people p
SELECT p.customer_id, p.brand, struct_insert({'a': 1}, b := p.age_band)::varchar AS f FROM people p
SELECT p.customer_id, p.brand, p.address.floor AS f FROM people p
SELECT p.customer_id, p.brand, address.street AS f FROM people p
SELECT customer_id, brand, people.address.street AS f FROM people
SELECT p.customer_id, p.brand, struct_extract(p.address, 'street') AS f FROM people p
SELECT p.customer_id, p.brand, unnest([p.age_band]) AS f FROM people p
SELECT p.customer_id, p.brand, e.f FROM people p, (SELECT unnest(['a','b']) AS f) e
SELECT p.* EXCLUDE (first_name), first_name AS f FROM people p
SELECT * EXCLUDE (first_name) REPLACE (first_name AS city), age_band AS f FROM people
SELECT c.* FROM (SELECT customer_id, brand, age_band AS f FROM people) c
SELECT DISTINCT p.customer_id, p.brand, o.item_id AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id
SELECT p.customer_id, p.brand, string_agg(DISTINCT o.item_id, ',' ORDER BY o.item_id) AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id JOIN visits v ON v.customer_id = p.customer_id AND v.times > o.day GROUP BY ALL
SELECT p.customer_id, p.brand, histogram(o.total)::varchar AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id JOIN visits v ON v.customer_id = p.customer_id GROUP BY ALL
SELECT p.customer_id, p.brand, sum(1)::varchar AS f FROM people p, visits v WHERE v.customer_id = p.customer_id GROUP BY ALL
SELECT p.customer_id, p.brand, 1 + count(*) FILTER (WHERE true) AS f FROM people p LEFT JOIN visits v USING (customer_id) GROUP BY ALL
SELECT p.customer_id, p.brand, mode(o.item_id) AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id JOIN visits v ON v.customer_id = p.customer_id AND v.times > o.day GROUP BY ALL
SELECT customer_id, brand, age_band::varchar AS f FROM people EXCEPT SELECT customer_id, brand, '2' FROM people
(SELECT customer_id, brand, 'x' AS f FROM people) EXCEPT (SELECT customer_id, brand, 'x' FROM people WHERE age_band > 2)
(SELECT customer_id, brand, 'x' AS f FROM people EXCEPT SELECT customer_id, brand, 'x' FROM people WHERE age_band > 2) UNION ALL SELECT customer_id, brand, 'y' AS f FROM people WHERE age_band > 2
SELECT p.customer_id, p.brand, CASE WHEN v.customer_id IS NULL THEN 'n' ELSE 'y' END AS f FROM people p LEFT JOIN (SELECT DISTINCT customer_id FROM visits) v ON v.customer_id = p.customer_id
SELECT customer_id, brand, 'seen' AS f FROM people WHERE customer_id IN (SELECT customer_id FROM visits) UNION ALL SELECT customer_id, brand, 'not' FROM people WHERE customer_id NOT IN (SELECT customer_id FROM visits)
SELECT p.customer_id, p.brand, o.item_id AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id QUALIFY count(*) OVER (PARTITION BY p.customer_id, p.brand) = 1 + p.age_band
SELECT p.customer_id, p.brand, o.item_id AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id QUALIFY row_number() OVER (PARTITION BY p.customer_id, p.brand ORDER BY o.order_id) = 1 + p.age_band
SELECT p.customer_id, p.brand, max_by(o.item_id, o.total * 10 + v.times) AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id JOIN visits v ON v.customer_id = p.customer_id GROUP BY ALL
SELECT p.customer_id, p.brand, o.item_id AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id GROUP BY p.customer_id, p.brand, o.item_id HAVING count(*) > 1
SELECT p.customer_id, p.brand, any_value(o.item_id ORDER BY o.order_id) AS f FROM people p JOIN orders o ON o.customer_id = p.customer_id WHERE EXISTS (SELECT 1 FROM visits v WHERE v.customer_id = o.customer_id AND v.times = o.total) GROUP BY ALL
SELECT p.customer_id, p.brand, (WITH x AS (SELECT max(v.page) AS m FROM visits v WHERE v.customer_id = p.customer_id) SELECT m FROM x) AS f FROM people p
SELECT p.customer_id, p.brand, (SELECT f FROM (SELECT max(v.page) AS f FROM visits v WHERE v.customer_id = p.customer_id)) AS f FROM people p
SELECT p.customer_id, p.brand, either(age_band, 'x') AS f FROM people p
SELECT customer_id, brand, label_for(age_band) AS f FROM people
WITH labels AS (SELECT age_band AS code, customer_id AS label FROM people) SELECT p.customer_id, p.brand, label_for(3) AS f FROM people p
WITH people AS (SELECT customer_id, brand, 'x' AS first_name, age_band AS city FROM people) SELECT customer_id, brand, city AS f FROM people
SELECT customer_id, brand, city AS f FROM (SELECT customer_id, brand, age_band AS city FROM people) AS people
SELECT g.customer_id, g.brand, 'x' AS f FROM grown g UNION ALL SELECT p.customer_id, p.brand, 'y' FROM people p ANTI JOIN grown g ON g.customer_id = p.customer_id
SELECT p.customer_id, p.brand, printf('%d', (SELECT count(*) FROM grown g WHERE g.customer_id = p.customer_id)) AS f FROM people p
SELECT p.customer_id, p.brand, max(v.page) AS f FROM people p LEFT JOIN visits v ON v.customer_id = p.customer_id AND v.times IN (SELECT o.total FROM orders o WHERE o.customer_id = p.customer_id) GROUP BY ALL
SELECT p.customer_id, p.brand, (SELECT count(*) FROM (SELECT DISTINCT v.page FROM visits v WHERE v.customer_id = p.customer_id)) AS f FROM people p
SELECT customer_id, brand, count(*)::varchar AS f FROM (SELECT p.customer_id, p.brand, unnest(range(p.age_band)) AS n FROM people p) GROUP BY ALL
SELECT customer_id, brand, count(*)::varchar AS f FROM (SELECT p.customer_id, p.brand FROM people p, (VALUES (1), (2), (3)) v(n) WHERE v.n < p.age_band) GROUP BY ALL
SELECT customer_id, brand, count(*)::varchar AS f FROM (SELECT p.customer_id, p.brand FROM people p LEFT JOIN items i ON i.rank < p.age_band) GROUP BY ALL
SELECT p.customer_id, p.brand, i.item_id AS f FROM people p RIGHT JOIN items i ON i.rank = coalesce(p.age_band, 0) % 6 AND NOT (i.title < 'M')
