-- One row per brand: of nordtal the later order, of seewind the only one.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) values ('A', 'Ann');
insert into orders (order_id, customer_id, brand, ordered_at, status) values
    ('O1', 'A', 'nordtal', '2026-11-01', 'placed'), ('O2', 'A', 'nordtal', '2026-11-02', 'placed'),
    ('O3', 'A', 'seewind', '2026-11-03', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity) values ('O1', 1, 'I1', 1), ('O2', 1, 'I3', 1), ('O3', 1, 'I1', 1);
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status) values
    ('O1', 1, '2026-11-01', '2026-11-10 10:00', 'delivered'), ('O2', 1, '2026-11-02', '2026-11-11 10:00', 'delivered'),
    ('O3', 1, '2026-11-03', '2026-11-12 10:00', 'delivered');
