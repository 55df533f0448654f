-- A: one in each brand. B: two were left. C: the later was bought. D: a later one is being filled. E, F: in a state that nobody knows.
-- G: what was bought came before. H: two at one instant.
insert into items (item_id, name, name_de, price_eur, is_sized) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, false), ('I2', 'Leather boots', 'Lederstiefel', 269, true), ('I3', 'Pot set', null, 79, null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 9) as t(k);
insert into baskets (basket_id, customer_id, brand, created_at, updated_at, status) values
    ('BA1', 'A', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'left'), ('BA2', 'A', 'seewind', '2026-11-21', '2026-11-21 10:00', 'left'),
    ('BB1', 'B', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'left'), ('BB2', 'B', 'nordtal', '2026-11-19', '2026-11-21 10:00', 'left'),
    ('BC1', 'C', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'left'), ('BC2', 'C', 'nordtal', '2026-11-21', '2026-11-21 10:00', 'bought'),
    ('BD1', 'D', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'left'), ('BD2', 'D', 'nordtal', '2026-11-22', '2026-11-22 04:00', 'left'),
    ('BE1', 'E', 'nordtal', '2026-11-20', '2026-11-20 10:00', null),
    ('BF1', 'F', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'merged'),
    ('BG1', 'G', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'bought'), ('BG2', 'G', 'nordtal', '2026-11-21', '2026-11-21 10:00', 'left'),
    ('BH1', 'H', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'left'), ('BH2', 'H', 'nordtal', '2026-11-20', '2026-11-20 10:00', 'left');
insert into basket_lines (basket_id, line_number, item_id, quantity)
select basket_id, 1, if(basket_id[3:] = '2', 'I2', 'I1'), 1 from baskets;
