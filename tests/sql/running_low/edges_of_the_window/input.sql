-- Bought in a store. A: used up a fortnight ago, to the second. B: a second later. C: in a week. D: in eight days, so from tomorrow.
-- E: eighty days' worth. F: eighty-one. G: used up now.
insert into items (item_id, name, name_de, is_consumable, lasts_days) values
    ('I1', 'Gas cartridge', 'Gaskartusche', true, 14), ('I2', 'Boot wax', 'Schuhwachs', true, 40), ('I3', 'Chalk', null, true, 27),
    ('I4', 'Tent', 'Zelt', false, 14), ('I5', 'Spice', 'Gewürz', true, null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 8) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status) values
    ('OA', 'A', 'nordtal', '2026-10-25 05:00:00', 'placed'), ('OB', 'B', 'nordtal', '2026-10-25 05:00:01', 'placed'),
    ('OC', 'C', 'nordtal', '2026-11-15 10:00:00', 'placed'), ('OD', 'D', 'nordtal', '2026-11-16 10:00:00', 'placed'),
    ('OE', 'E', 'nordtal', '2026-09-01 10:00:00', 'placed'), ('OF', 'F', 'nordtal', '2026-09-01 10:00:00', 'placed'),
    ('OG', 'G', 'nordtal', '2026-11-08 05:00:00', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity)
select order_id, 1, case order_id when 'OE' then 'I2' when 'OF' then 'I3' else 'I1' end, case order_id when 'OE' then 2 when 'OF' then 3 else 1 end
from orders;
