-- Who opens thousands of pages and has paid is told of a delay like everybody.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) values ('A', 'Robot');
insert into orders (order_id, customer_id, brand, ordered_at, status) values ('OA', 'A', 'nordtal', '2026-11-15', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity) values ('OA', 1, 'I1', 1);
insert into deliveries (order_id, parcel_number, created_at, promised_on, expected_on, status, loaded_at) values
    ('OA', 1, '2026-11-15', '2026-11-20', '2026-11-25', 'shipped', '2026-11-21');
insert into page_views (customer_id, brand, viewed_at) select 'A', 'nordtal', timestamp '2026-11-01' from range(3000) as t(k);
