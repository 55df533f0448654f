-- Two hundred people of two brands, with what a shop knows of them. Everything is drawn by a hash, so it is the same each time.
CREATE TABLE people AS
SELECT
    format('p{:03}', n) AS customer_id,
    CASE WHEN n % 4 = 0 THEN 'south' ELSE 'north' END AS brand,
    'DE' AS country,
    'en' AS locale,
    format('p{:03}@x.example.com', n) AS email,
    NULL::VARCHAR AS phone,
    ['Ann', 'Ben', 'Cid', 'Dee', 'Eve'][1 + (hash(n) % 5)::INTEGER] AS first_name,
    (18 + hash(n + 1000) % 60)::INTEGER AS age,
    ['Bonn', 'Graz', 'Bern'][1 + (hash(n + 2000) % 3)::INTEGER] AS city,
    {'street': ['Elm', 'Oak', 'Ash'][1 + (hash(n + 3000) % 3)::INTEGER], 'floor': (hash(n + 4000) % 4)::INTEGER} AS home,
    format('{{"size": "{}"}}', ['S', 'M', 'L'][1 + (hash(n + 5000) % 3)::INTEGER]) AS traits,
    TIMESTAMP '2020-01-01' + to_days((hash(n + 6000) % 2000)::INTEGER) AS joined_at
FROM range(200) AS t(n);
CREATE TABLE orders AS
SELECT
    format('o{:04}', n) AS order_id,
    format('p{:03}', hash(n + 7000) % 200) AS customer_id,
    format('i{}', hash(n + 8000) % 8) AS item_id,
    (10 + hash(n + 9000) % 90)::INTEGER AS total,
    (DATE '2026-11-01' - (hash(n + 9500) % 300)::INTEGER) AS ordered_on
FROM range(500) AS t(n);
CREATE TABLE visits AS
SELECT
    n AS visit_id,
    format('p{:03}', hash(n + 11000) % 200) AS customer_id,
    ['care', 'sale', 'home'][1 + (hash(n + 12000) % 3)::INTEGER] AS page,
    (hash(n + 13000) % 9)::INTEGER AS seconds
FROM range(400) AS t(n);
CREATE TABLE items AS
SELECT format('i{}', n) AS item_id, ['tent', 'rope', 'stove', 'board', 'lamp', 'boots', 'map', 'knife'][n + 1] AS title, (n + 1)::INTEGER AS rank
FROM range(8) AS t(n);
CREATE TABLE stores AS
SELECT ['Bonn', 'Graz', 'Bern'][n + 1] AS city, ['North Gate', 'Old Mill', 'River Side'][n + 1] AS store FROM range(3) AS t(n);
CREATE TABLE ages AS
SELECT n::INTEGER AS age, CASE WHEN n < 30 THEN 'young' WHEN n < 50 THEN 'grown' ELSE 'wise' END AS word FROM range(18, 80) AS t(n);
CREATE TABLE consents AS
SELECT format('y{}', customer_id) AS event_id, customer_id, brand, '*' AS channel, '*' AS topic, 'yes' AS state, TIMESTAMP '2026-01-01' AS happened_at
FROM people;
CREATE VIEW over_fifty AS SELECT customer_id, brand, first_name FROM people WHERE age > 50;
CREATE VIEW greeted AS SELECT customer_id, brand, first_name AS greeting FROM over_fifty;
CREATE VIEW bought AS SELECT o.customer_id, o.order_id, o.ordered_on, o.total, i.title FROM orders AS o INNER JOIN items AS i USING (item_id);
CREATE VIEW latest AS SELECT * FROM bought QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY ordered_on DESC, order_id) = 1;
CREATE MACRO by_age(years, old, young) AS CASE WHEN years > 50 THEN old ELSE young END;
CREATE MACRO word_for(years) AS (SELECT max(a.word) FROM ages AS a WHERE a.age = years);
CREATE MACRO seen_by(who) AS (SELECT count(*) FROM visits AS v WHERE v.customer_id = who);
