-- All left a basket at 2026-11-20 10:00. A: ordered after it. B: of the other brand. C: before it. D: called off. E: without a date, known
-- after it. F: without a date, known before. G: after now. H: at that instant.
insert into items (item_id, name, name_de, price_eur, is_sized) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, false), ('I2', 'Leather boots', 'Lederstiefel', 269, true), ('I3', 'Pot set', null, 79, null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 9) as t(k);
insert into baskets (basket_id, customer_id, brand, created_at, updated_at, status)
select 'B' || customer_id, customer_id, 'nordtal', timestamp '2026-11-20 09:00', timestamp '2026-11-20 10:00', 'left' from customers;
insert into basket_lines (basket_id, line_number, item_id, quantity) select basket_id, 1, 'I1', 1 from baskets;
insert into orders (order_id, customer_id, brand, ordered_at, status, loaded_at) values
    ('OA', 'A', 'nordtal', '2026-11-21', 'placed', '2026-11-21'), ('OB', 'B', 'seewind', '2026-11-21', 'placed', '2026-11-21'),
    ('OC', 'C', 'nordtal', '2026-11-20 09:59:59', 'placed', '2026-11-21'), ('OD', 'D', 'nordtal', '2026-11-21', 'cancelled', '2026-11-21'),
    ('OE', 'E', 'nordtal', null, 'placed', '2026-11-21'), ('OF', 'F', 'nordtal', null, 'placed', '2026-11-20'),
    ('OG', 'G', 'nordtal', '2026-11-22 06:00', 'placed', '2026-11-21'), ('OH', 'H', 'nordtal', '2026-11-20 10:00', 'placed', '2026-11-21');
