-- A's order, B's return and C's reading lie after now; D has read before the parcel came, E after it, F in the other brand.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) values ('A', 'Ann'), ('B', 'Bo'), ('C', 'Can'), ('D', 'Dee'), ('E', 'Eva'), ('F', 'Flo');
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', if(customer_id = 'A', timestamp '2026-11-23', timestamp '2026-11-10'), 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status)
select order_id, 1, timestamp '2026-11-10', timestamp '2026-11-15 10:00', 'delivered' from orders;
insert into returns (return_id, order_id, line_number, opened_at) values ('RB', 'OB', 1, '2026-11-22 06:00');
insert into care_page_views (customer_id, brand, care_page, viewed_at) values
    ('C', 'nordtal', 'tents', '2026-11-22 06:00'), ('D', 'nordtal', 'tents', '2026-11-15 09:59'),
    ('E', 'nordtal', 'tents', '2026-11-15 10:01'), ('F', 'seewind', 'tents', '2026-11-16');
