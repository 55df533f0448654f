-- One row per return, in the brand of its order, with the item of its line.
insert into items (item_id, name, name_de) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3'), ('I2', 'Leather boots', 'Lederstiefel'), ('I3', 'Pot set', null);
insert into customers (customer_id, first_name) values ('A', 'Ann');
insert into orders (order_id, customer_id, brand, ordered_at, status) values
    ('O1', 'A', 'nordtal', '2026-11-01', 'placed'), ('O2', 'A', 'seewind', '2026-11-01', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity) values ('O1', 1, 'I1', 1), ('O1', 2, 'I2', 1), ('O2', 1, 'I3', 1), ('O2', 2, 'I1', 1);
insert into returns (return_id, order_id, line_number, opened_at, return_by_on, loaded_at) values
    ('R1', 'O1', 1, '2026-11-10', '2026-12-10', '2026-11-10'), ('R2', 'O1', 2, '2026-11-12', '2026-12-12', '2026-11-12'),
    ('R3', 'O2', 1, '2026-11-14', '2026-12-14', '2026-11-14');
