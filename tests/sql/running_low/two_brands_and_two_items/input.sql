-- One row per brand and item, with how often it was bought there. What was bought long ago counts, too.
insert into items (item_id, name, name_de, is_consumable, lasts_days) values
    ('I1', 'Gas cartridge', 'Gaskartusche', true, 14), ('I2', 'Boot wax', 'Schuhwachs', true, 40), ('I3', 'Chalk', null, true, 27),
    ('I4', 'Tent', 'Zelt', false, 14), ('I5', 'Spice', 'Gewürz', true, null);
insert into customers (customer_id, first_name) values ('A', 'Ann');
insert into orders (order_id, customer_id, brand, ordered_at, status) values
    ('O1', 'A', 'nordtal', '2025-03-01', 'placed'), ('O2', 'A', 'nordtal', '2026-10-01', 'placed'), ('O3', 'A', 'nordtal', '2026-11-09', 'placed'),
    ('O4', 'A', 'seewind', '2026-11-10', 'placed'), ('O5', 'A', 'nordtal', '2026-10-20', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity) values
    ('O1', 1, 'I1', 4), ('O2', 1, 'I1', 1), ('O2', 2, 'I2', 1), ('O3', 1, 'I1', 1), ('O4', 1, 'I1', 1), ('O5', 1, 'I3', 1), ('O5', 2, 'I4', 1);
