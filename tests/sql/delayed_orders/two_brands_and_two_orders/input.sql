-- One row per order, in the brand it was placed with.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) values ('A', 'Ann');
insert into orders (order_id, customer_id, brand, ordered_at, status) values
    ('O1', 'A', 'nordtal', '2026-11-15', 'placed'), ('O2', 'A', 'nordtal', '2026-11-15', 'placed'), ('O3', 'A', 'seewind', '2026-11-15', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity) values
    ('O1', 1, 'I1', 1), ('O2', 1, 'I2', 1), ('O2', 2, 'I3', 1), ('O3', 1, 'I1', 0), ('O3', 2, 'I2', 3);
insert into deliveries (order_id, parcel_number, created_at, promised_on, expected_on, status, loaded_at)
select order_id, 1, timestamp '2026-11-15', date '2026-11-20', date '2026-11-25', 'shipped', timestamp '2026-11-21' from orders;
