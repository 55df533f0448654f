-- A: three items, the tent most, the tarp second. B: equally often, so the one seen last. C: equally often and at one instant. D: two categories, the
-- one with more views. E: equally many, so the one seen last. F: one stove more often than two tents, which is no comparison.
insert into items (item_id, name, name_de, category, care_page) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 'tents', 'tents'), ('I2', 'Alpine 2 tent', 'Zelt Alpine 2', 'tents', 'tents'), ('I3', 'Tarp', null, 'tents', 'tents'),
    ('I4', 'Ember stove', 'Kocher Ember', 'stoves', 'stoves'), ('I5', 'Pot set', 'Topfset', 'stoves', 'stoves'),
    ('I6', 'Gas', 'Gas', 'consumables', null), ('I7', 'Wax', 'Wachs', 'consumables', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 7) as t(k);
insert into page_views (customer_id, brand, page, item_id, viewed_at)
select customer_id, 'nordtal', 'item', item_id, timestamp '2026-11-18' + to_hours(hour)
from (values
    ('A', 1, 'I2'), ('A', 2, 'I1'), ('A', 3, 'I1'), ('A', 4, 'I1'), ('A', 5, 'I3'), ('A', 6, 'I3'),
    ('B', 1, 'I2'), ('B', 2, 'I2'), ('B', 3, 'I1'), ('B', 4, 'I1'), ('C', 1, 'I2'), ('C', 1, 'I1'), ('C', 2, 'I2'), ('C', 2, 'I1'),
    ('D', 1, 'I4'), ('D', 2, 'I4'), ('D', 3, 'I5'), ('D', 4, 'I5'), ('D', 5, 'I1'), ('D', 6, 'I1'), ('D', 7, 'I2'),
    ('E', 1, 'I4'), ('E', 2, 'I4'), ('E', 9, 'I5'), ('E', 3, 'I1'), ('E', 4, 'I1'), ('E', 5, 'I2'),
    ('F', 1, 'I4'), ('F', 2, 'I4'), ('F', 3, 'I4'), ('F', 4, 'I4'), ('F', 5, 'I1'), ('F', 6, 'I1'), ('F', 7, 'I2')
) as t(customer_id, hour, item_id);
