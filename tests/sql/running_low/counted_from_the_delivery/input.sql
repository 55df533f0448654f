-- Ordered on the 1st. A: it came on the 5th. B: in two parcels. C: the second is on its way. D: lost. E: it comes later today. F: told twice, put
-- right. G: not here yet, and the gas of October is as good as replaced. H: taken away in a store. I: one of two parcels was called off. J: the
-- only one was.
insert into items (item_id, name, name_de, is_consumable, lasts_days) values
    ('I1', 'Gas cartridge', 'Gaskartusche', true, 14), ('I2', 'Boot wax', 'Schuhwachs', true, 40), ('I3', 'Chalk', null, true, 27),
    ('I4', 'Tent', 'Zelt', false, 14), ('I5', 'Spice', 'Gewürz', true, null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 11) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-11-01 10:00', 'placed' from customers
union all select 'OG0', 'G', 'nordtal', timestamp '2026-10-28 10:00', 'placed';
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status, loaded_at) values
    ('OA', 1, '2026-11-01', '2026-11-05 10:00', 'delivered', '2026-11-05'), ('OB', 1, '2026-11-01', '2026-11-05 10:00', 'delivered', '2026-11-05'),
    ('OB', 2, '2026-11-01', '2026-11-07 10:00', 'delivered', '2026-11-07'), ('OC', 1, '2026-11-01', '2026-11-05 10:00', 'delivered', '2026-11-05'),
    ('OC', 2, '2026-11-01', null, 'shipped', '2026-11-05'), ('OD', 1, '2026-11-01', null, 'lost', '2026-11-05'),
    ('OE', 1, '2026-11-01', '2026-11-22 06:00', 'delivered', '2026-11-05'), ('OF', 1, '2026-11-01', '2026-11-05 10:00', 'delivered', '2026-11-05'),
    ('OF', 1, '2026-11-01', '2026-11-06 10:00', 'delivered', '2026-11-07'), ('OG', 1, '2026-11-01', null, 'shipped', '2026-11-05'),
    ('OI', 1, '2026-11-01', '2026-11-05 10:00', 'delivered', '2026-11-05'), ('OI', 2, '2026-11-01', null, 'cancelled', '2026-11-05'),
    ('OJ', 1, '2026-11-01', null, 'cancelled', '2026-11-05');
