-- A: opened a day ago to the second. B: a second later. C: may go back until today. D: until yesterday. E: until nobody knows when.
-- F: opened after now. G: opened, nobody knows when.
insert into items (item_id, name, name_de) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3'), ('I2', 'Leather boots', 'Lederstiefel'), ('I3', 'Pot set', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 8) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-10-10', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into returns (return_id, order_id, line_number, opened_at, return_by_on, loaded_at) values
    ('RA', 'OA', 1, '2026-11-21 05:00:00', '2026-12-21', '2026-11-21'), ('RB', 'OB', 1, '2026-11-21 05:00:01', '2026-12-21', '2026-11-21'),
    ('RC', 'OC', 1, '2026-10-23', '2026-11-22', '2026-11-21'), ('RD', 'OD', 1, '2026-10-22', '2026-11-21', '2026-11-21'),
    ('RE', 'OE', 1, '2026-11-10', null, '2026-11-21'), ('RF', 'OF', 1, '2026-11-22 06:00', '2026-12-22', '2026-11-22 06:00'),
    ('RG', 'OG', 1, null, '2026-12-21', '2026-11-21');
