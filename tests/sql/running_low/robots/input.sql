-- A opens 501 pages on a day, B 500. Both have bought gas.
insert into items (item_id, name, name_de, is_consumable, lasts_days) values
    ('I1', 'Gas cartridge', 'Gaskartusche', true, 14), ('I2', 'Boot wax', 'Schuhwachs', true, 40), ('I3', 'Chalk', null, true, 27),
    ('I4', 'Tent', 'Zelt', false, 14), ('I5', 'Spice', 'Gewürz', true, null);
insert into customers (customer_id, first_name) values ('A', 'Robot'), ('B', 'Bo');
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-11-09 10:00', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into page_views (customer_id, brand, viewed_at) select 'A', 'nordtal', timestamp '2026-11-01' + to_seconds(k) from range(501) as t(k);
insert into page_views (customer_id, brand, viewed_at) select 'B', 'nordtal', timestamp '2026-11-01' + to_seconds(k) from range(500) as t(k);
