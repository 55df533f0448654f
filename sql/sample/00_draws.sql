-- What every later file draws with. Nothing here is kept: the macros end with the session.
-- Given: the variables seed, as_of (DATE) and customers (a count).

-- A number in [0, 1) for a row and a purpose: the same for the same seed, independent between purposes.
-- Hashed twice: DuckDB joins the hashes of several values by xor, so that hashing once leaves two purposes of one row
-- with a correlation of 0.87; hashed again it is 0.000 (measured on 100,000 rows).
create or replace temp macro draw(id, purpose) as
    (hash(hash(id, getvariable('seed'), purpose)) >> 11) / 9007199254740992.0::double;

-- A whole number in [0, size).
create or replace temp macro pick(id, purpose, size) as
    floor(draw(id, purpose) * size)::integer;

-- A count of 0, 1, 2, … with roughly this mean: many small ones, a long tail.
create or replace temp macro count_about(id, purpose, mean) as
    floor(-ln(1 - draw(id, purpose)) * (mean + 0.5))::integer;

-- The start of the day as_of, in UTC: the present of the sample.
create or replace temp macro present() as
    getvariable('as_of')::timestamp;

create or replace temp macro days_after(moment, days) as
    moment + to_seconds((days * 86400)::bigint);

create or replace temp macro days_ago(days) as
    days_after(present(), -(days));

-- When a row came to be known: one to six hours later; one row in a hundred up to five days later; never after the present.
create or replace temp macro known_from(moment, id) as
    least(present(), days_after(
        moment,
        case when draw(id, 'late') < 0.01 then 5 * draw(id, 'lag') else (1 + 5 * draw(id, 'lag')) / 24 end
    ));

create or replace temp macro customer_name(n) as
    'C' || right((10000000 + n)::varchar, 7);

-- Orders are numbered by customer: order k of customer n is n * 16 + k.
create or replace temp macro order_name(o) as
    'O' || right((1000000000 + o)::varchar, 9);

create or replace temp macro item_name(i) as
    'I' || right((1000 + i)::varchar, 3);

create or replace temp macro store_name(s) as
    'S' || right((100 + s)::varchar, 2);
