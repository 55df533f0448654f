-- Who opens hundreds of pages and has paid may send back like everybody. Only a name is printed as one.
insert into items (item_id, name, name_de) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3'), ('I2', 'Leather boots', 'Lederstiefel'), ('I3', 'Pot set', null);
insert into customers (customer_id, first_name, loaded_at) values
    ('R', 'Robot', null), ('A', null, '2026-01-01'), ('B', ' ', null), ('C', 'N/A', null), ('D', '=HYPERLINK("https://example.com")', null),
    ('E', '*|FNAME|*', null), ('F', ' N''Golo ', null), ('G', 'Nguyễn', null), ('H', 'none', null);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-11-01', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I2', 1 from orders;
insert into returns (return_id, order_id, line_number, opened_at, return_by_on, loaded_at)
select 'R' || customer_id, order_id, 1, timestamp '2026-11-10', date '2026-12-10', timestamp '2026-11-10' from orders;
insert into page_views (customer_id, brand, viewed_at) select 'R', 'nordtal', timestamp '2026-11-01' from range(3000) as t(k);
