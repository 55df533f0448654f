-- A: promised for today. B: for yesterday. C: for tomorrow, and expected so. D: for tomorrow, expected a day later.
-- E: thirty days ago. F: twenty-nine. G: the new day has passed too. H: expected today, after yesterday's promise. I: earlier than promised.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name, loaded_at) select chr(64 + k::integer), 'Kim', timestamp '2026-01-01' from range(1, 10) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-10-20', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, promised_on, expected_on, status, loaded_at)
select order_id, 1, timestamp '2026-10-20', promised_on, expected_on, 'shipped', timestamp '2026-11-21'
from (values
    ('OA', date '2026-11-22', date '2026-11-22'), ('OB', '2026-11-21', '2026-11-21'), ('OC', '2026-11-23', '2026-11-23'),
    ('OD', '2026-11-23', '2026-11-24'), ('OE', '2026-10-23', null), ('OF', '2026-10-24', null), ('OG', '2026-11-18', '2026-11-21'),
    ('OH', '2026-11-21', '2026-11-22'), ('OI', '2026-11-25', '2026-11-24')
) as t(order_id, promised_on, expected_on);
