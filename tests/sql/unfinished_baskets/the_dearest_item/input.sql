-- A: the dearest. B: it was taken out again. C: nobody knows it. D: nobody knows any. E: empty. F: as dear as another, so the first line.
-- G: without a German name, and it is not known whether it has sizes. H: one without a price.
insert into items (item_id, name, name_de, price_eur, is_sized) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, false), ('I2', 'Leather boots', 'Lederstiefel', 269, true), ('I3', 'Pot set', null, 79, null);
insert into items (item_id, name, name_de, price_eur, is_sized) values ('I4', 'Rope', 'Seil', 269, false), ('I5', 'Prototype', 'Prototyp', null, false);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 9) as t(k);
insert into baskets (basket_id, customer_id, brand, created_at, updated_at, status)
select 'B' || customer_id, customer_id, 'nordtal', timestamp '2026-11-20 09:00', timestamp '2026-11-20 10:00', 'left' from customers;
insert into basket_lines (basket_id, line_number, item_id, quantity) values
    ('BA', 1, 'I3', 5), ('BA', 2, 'I1', 1), ('BA', 3, 'I2', 1), ('BB', 1, 'I1', 0), ('BB', 2, 'I2', 1), ('BC', 1, 'I999', 1), ('BC', 2, 'I3', 1),
    ('BD', 1, 'I999', 1), ('BF', 1, 'I4', 1), ('BF', 2, 'I2', 1), ('BG', 1, 'I3', 1), ('BH', 1, 'I5', 1), ('BH', 2, 'I3', 1);
