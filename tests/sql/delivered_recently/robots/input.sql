-- A robot opens 501 pages on one day; a person 500, or many more over weeks. Views without a customer are nobody's.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) values ('A', 'Robot'), ('B', 'Bo'), ('C', 'Can');
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-11-10', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status)
select order_id, 1, timestamp '2026-11-10', timestamp '2026-11-15 10:00', 'delivered' from orders;
insert into page_views (customer_id, brand, viewed_at) select 'A', if(k % 2 = 0, 'nordtal', 'seewind'), timestamp '2026-11-01' + to_seconds(k) from range(501) as t(k);
insert into page_views (customer_id, brand, viewed_at) select 'B', 'nordtal', timestamp '2026-11-01' + to_seconds(k) from range(500) as t(k);
insert into page_views (customer_id, brand, viewed_at) select 'C', 'nordtal', timestamp '2026-10-01' + to_hours(k) from range(1000) as t(k);
insert into page_views (customer_id, brand, viewed_at) select null, 'nordtal', timestamp '2026-11-01' from range(900) as t(k);
