-- A: looked at the item after leaving it. B: before, and at that instant. C: at something else. D: with the other brand. E: after now.
-- F: at the cheaper item of the basket. G: somebody who was not logged in. H: three times, which is one row.
insert into items (item_id, name, name_de, price_eur, is_sized) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, false), ('I2', 'Leather boots', 'Lederstiefel', 269, true), ('I3', 'Pot set', null, 79, null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 9) as t(k);
insert into baskets (basket_id, customer_id, brand, created_at, updated_at, status)
select 'B' || customer_id, customer_id, 'nordtal', timestamp '2026-11-20 09:00', timestamp '2026-11-20 10:00', 'left' from customers;
insert into basket_lines (basket_id, line_number, item_id, quantity) select basket_id, unnest([1, 2]), unnest(['I1', 'I3']), 1 from baskets;
insert into page_views (customer_id, brand, page, item_id, viewed_at) values
    ('A', 'nordtal', 'item', 'I1', '2026-11-21'), ('B', 'nordtal', 'item', 'I1', '2026-11-20 09:30'), ('B', 'nordtal', 'item', 'I1', '2026-11-20 10:00'),
    ('C', 'nordtal', 'item', 'I2', '2026-11-21'), ('C', 'nordtal', 'home', null, '2026-11-21'), ('D', 'seewind', 'item', 'I1', '2026-11-21'),
    ('E', 'nordtal', 'item', 'I1', '2026-11-22 06:00'), ('F', 'nordtal', 'item', 'I3', '2026-11-21'), (null, 'nordtal', 'item', 'I1', '2026-11-21'),
    ('H', 'nordtal', 'item', 'I1', '2026-11-21 10:00'), ('H', 'nordtal', 'item', 'I1', '2026-11-21 11:00'), ('H', 'nordtal', 'item', 'I3', '2026-11-21 12:00');
