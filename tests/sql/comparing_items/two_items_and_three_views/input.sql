-- A: two items, three views. B: two views. C: one item. D: two categories. E: what is used up. F: the third view is a category's page.
-- G: the second item is one that nobody knows. H: the third view is nobody's.
insert into items (item_id, name, name_de, category, care_page) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 'tents', 'tents'), ('I2', 'Alpine 2 tent', 'Zelt Alpine 2', 'tents', 'tents'), ('I3', 'Tarp', null, 'tents', 'tents'),
    ('I4', 'Ember stove', 'Kocher Ember', 'stoves', 'stoves'), ('I5', 'Pot set', 'Topfset', 'stoves', 'stoves'),
    ('I6', 'Gas', 'Gas', 'consumables', null), ('I7', 'Wax', 'Wachs', 'consumables', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 9) as t(k);
insert into page_views (customer_id, brand, page, item_id, viewed_at)
select customer_id, 'nordtal', if(item_id is null, 'category', 'item'), item_id, timestamp '2026-11-18' + to_hours(place)
from (values
    ('A', 1, 'I1'), ('A', 2, 'I1'), ('A', 3, 'I2'), ('B', 1, 'I1'), ('B', 2, 'I2'), ('C', 1, 'I1'), ('C', 2, 'I1'), ('C', 3, 'I1'),
    ('D', 1, 'I1'), ('D', 2, 'I1'), ('D', 3, 'I4'), ('E', 1, 'I6'), ('E', 2, 'I7'), ('E', 3, 'I7'), ('F', 1, 'I1'), ('F', 2, 'I2'), ('F', 3, null),
    ('G', 1, 'I1'), ('G', 2, 'I999'), ('G', 3, 'I999'), ('H', 1, 'I1'), ('H', 2, 'I2'), (null, 3, 'I2')
) as t(customer_id, place, item_id);
