-- Between three hours and five days before 2026-11-22 05:00. A: three hours to the second. B: a second less. C: five days to the second.
-- D: a second less. E: never touched again, so it was left when it was made. F: touched after now. G: made after now. H: without a time.
insert into items (item_id, name, name_de, price_eur, is_sized) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, false), ('I2', 'Leather boots', 'Lederstiefel', 269, true), ('I3', 'Pot set', null, 79, null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 9) as t(k);
insert into baskets (basket_id, customer_id, brand, created_at, updated_at, status) values
    ('BA', 'A', 'nordtal', '2026-11-22 01:00:00', '2026-11-22 02:00:00', 'left'),
    ('BB', 'B', 'nordtal', '2026-11-22 01:00:00', '2026-11-22 02:00:01', 'left'),
    ('BC', 'C', 'nordtal', '2026-11-17 04:00:00', '2026-11-17 05:00:00', 'left'),
    ('BD', 'D', 'nordtal', '2026-11-17 04:00:00', '2026-11-17 05:00:01', 'left'),
    ('BE', 'E', 'nordtal', '2026-11-20 10:00:00', null, 'left'),
    ('BF', 'F', 'nordtal', '2026-11-20 10:00:00', '2026-11-22 05:30:00', 'left'),
    ('BG', 'G', 'nordtal', '2026-11-22 06:00:00', '2026-11-20 10:00:00', 'left'),
    ('BH', 'H', 'nordtal', null, null, 'left');
insert into basket_lines (basket_id, line_number, item_id, quantity) select basket_id, 1, 'I1', 1 from baskets;
