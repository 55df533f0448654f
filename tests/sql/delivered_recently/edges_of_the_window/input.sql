-- A and B stand just outside, C to E just inside, of the fourteen days up to 2026-11-22 05:00.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) values ('A', 'Ann'), ('B', 'Bo'), ('C', 'Can'), ('D', 'Dee'), ('E', 'Eva');
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-11-01', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status) values
    ('OA', 1, '2026-11-01', '2026-11-08 05:00:00', 'delivered'),
    ('OB', 1, '2026-11-01', '2026-11-22 05:00:01', 'delivered'),
    ('OC', 1, '2026-11-01', '2026-11-08 05:00:01', 'delivered'),
    ('OD', 1, '2026-11-01', '2026-11-22 05:00:00', 'delivered'),
    ('OE', 1, '2026-11-01', '2026-11-15 12:00:00', 'delivered');
