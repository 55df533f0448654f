-- A: both parcels late, the order is here with the last. B: one has no new day, so the order has none. C: one is here already.
-- D: one called off, the other on time. E: lost. F: the order was called off. G: put right, to an earlier day. H: put right, it is here.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 9) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-11-15', if(customer_id = 'F', 'cancelled', 'placed') from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, promised_on, expected_on, delivered_at, status, loaded_at) values
    ('OA', 1, '2026-11-15', '2026-11-20', '2026-11-24', null, 'shipped', '2026-11-20'),
    ('OA', 2, '2026-11-15', '2026-11-21', '2026-11-26', null, 'preparing', '2026-11-21'),
    ('OB', 1, '2026-11-15', '2026-11-20', '2026-11-24', null, 'shipped', '2026-11-20'),
    ('OB', 2, '2026-11-15', '2026-11-20', null, null, 'shipped', '2026-11-20'),
    ('OC', 1, '2026-11-15', '2026-11-20', '2026-11-24', '2026-11-21 10:00', 'delivered', '2026-11-21'),
    ('OC', 2, '2026-11-15', '2026-11-20', '2026-11-24', null, 'shipped', '2026-11-20'),
    ('OD', 1, '2026-11-15', '2026-11-20', '2026-11-24', null, 'cancelled', '2026-11-20'),
    ('OD', 2, '2026-11-15', '2026-11-24', '2026-11-24', null, 'shipped', '2026-11-20'),
    ('OE', 1, '2026-11-15', '2026-11-20', '2026-11-24', null, 'lost', '2026-11-20'),
    ('OF', 1, '2026-11-15', '2026-11-20', '2026-11-24', null, 'shipped', '2026-11-20'),
    ('OG', 1, '2026-11-15', '2026-11-20', '2026-11-28', null, 'shipped', '2026-11-20'),
    ('OG', 1, '2026-11-15', '2026-11-20', '2026-11-25', null, 'shipped', '2026-11-21'),
    ('OH', 1, '2026-11-15', '2026-11-20', '2026-11-24', null, 'shipped', '2026-11-20'),
    ('OH', 1, '2026-11-15', '2026-11-20', '2026-11-24', '2026-11-21 10:00', 'delivered', '2026-11-21');
