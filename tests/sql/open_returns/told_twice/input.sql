-- What was told last holds. A: first open, then received. B: first until the 10th, then until the 17th. C: first received, then put right.
-- D: told twice at one time, once as received. E: the newer row is known since nobody knows when, so the other holds.
insert into items (item_id, name, name_de) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3'), ('I2', 'Leather boots', 'Lederstiefel'), ('I3', 'Pot set', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 6) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-10-10', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into returns (return_id, order_id, line_number, opened_at, return_by_on, received_at, loaded_at) values
    ('RA', 'OA', 1, '2026-11-10', '2026-12-10', null, '2026-11-10'), ('RA', 'OA', 1, '2026-11-10', '2026-12-10', '2026-11-20', '2026-11-20'),
    ('RB', 'OB', 1, '2026-11-10', '2026-12-10', null, '2026-11-10'), ('RB', 'OB', 1, '2026-11-10', '2026-12-17', null, '2026-11-20'),
    ('RC', 'OC', 1, '2026-11-10', '2026-12-10', '2026-11-20', '2026-11-20'), ('RC', 'OC', 1, '2026-11-10', '2026-12-10', null, '2026-11-21'),
    ('RD', 'OD', 1, '2026-11-10', '2026-12-10', null, '2026-11-20'), ('RD', 'OD', 1, '2026-11-10', '2026-12-10', '2026-11-20', '2026-11-20'),
    ('RE', 'OE', 1, '2026-11-10', '2026-12-10', '2026-11-20', null), ('RE', 'OE', 1, '2026-11-10', '2026-12-10', null, '2026-11-10');
