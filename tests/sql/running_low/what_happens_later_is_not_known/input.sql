-- A buys again later today, which nobody knows yet. B buys for the first time later today.
insert into items (item_id, name, name_de, is_consumable, lasts_days) values
    ('I1', 'Gas cartridge', 'Gaskartusche', true, 14), ('I2', 'Boot wax', 'Schuhwachs', true, 40), ('I3', 'Chalk', null, true, 27),
    ('I4', 'Tent', 'Zelt', false, 14), ('I5', 'Spice', 'Gewürz', true, null);
insert into customers (customer_id, first_name) values ('A', 'Ann'), ('B', 'Bo');
insert into orders (order_id, customer_id, brand, ordered_at, status) values
    ('O1', 'A', 'nordtal', '2026-11-09 10:00', 'placed'), ('O2', 'A', 'nordtal', '2026-11-22 06:00', 'placed'),
    ('O3', 'B', 'nordtal', '2026-11-22 06:00', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
