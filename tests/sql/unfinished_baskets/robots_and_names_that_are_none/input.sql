-- R opens 501 pages on a day and is a robot; S opens 500. The others have names that are none, or that look as if.
insert into items (item_id, name, name_de, price_eur, is_sized) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, false), ('I2', 'Leather boots', 'Lederstiefel', 269, true), ('I3', 'Pot set', null, 79, null);
insert into customers (customer_id, first_name, loaded_at) values
    ('R', 'Robot', null), ('S', 'Sam', null), ('A', null, '2026-01-01'), ('B', ' ', null), ('C', 'unknown', null), ('D', '<b>Bo</b>', null),
    ('E', '{{ 7*7 }}', null), ('F', ' D''Arcy ', null), ('G', 'נועה', null), ('H', 'Zoë 🌲', null), ('I', 'Karl-Heinz', null), ('J', 'test', null);
insert into baskets (basket_id, customer_id, brand, created_at, updated_at, status)
select 'B' || customer_id, customer_id, 'nordtal', timestamp '2026-11-20 09:00', timestamp '2026-11-20 10:00', 'left' from customers;
insert into basket_lines (basket_id, line_number, item_id, quantity) select basket_id, 1, 'I1', 1 from baskets;
insert into page_views (customer_id, brand, viewed_at) select 'R', if(k % 2 = 0, 'nordtal', 'seewind'), timestamp '2026-11-01' + to_seconds(k) from range(501) as t(k);
insert into page_views (customer_id, brand, viewed_at) select 'S', 'nordtal', timestamp '2026-11-01' + to_seconds(k) from range(500) as t(k);
insert into page_views (customer_id, brand, viewed_at) select null, 'nordtal', timestamp '2026-11-01' from range(900) as t(k);
