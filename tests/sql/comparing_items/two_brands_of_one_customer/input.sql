-- A: one row per brand, of the items looked at there. B: one view with one brand and two with the other are three with none.
insert into items (item_id, name, name_de, category, care_page) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 'tents', 'tents'), ('I2', 'Alpine 2 tent', 'Zelt Alpine 2', 'tents', 'tents'), ('I3', 'Tarp', null, 'tents', 'tents'),
    ('I4', 'Ember stove', 'Kocher Ember', 'stoves', 'stoves'), ('I5', 'Pot set', 'Topfset', 'stoves', 'stoves'),
    ('I6', 'Gas', 'Gas', 'consumables', null), ('I7', 'Wax', 'Wachs', 'consumables', null);
insert into customers (customer_id, first_name) values ('A', 'Ann'), ('B', 'Bo');
insert into page_views (customer_id, brand, page, item_id, viewed_at)
select customer_id, brand, 'item', item_id, timestamp '2026-11-18' + to_hours(hour)
from (values
    ('A', 'nordtal', 1, 'I1'), ('A', 'nordtal', 2, 'I1'), ('A', 'nordtal', 3, 'I2'), ('A', 'seewind', 4, 'I4'), ('A', 'seewind', 5, 'I5'), ('A', 'seewind', 6, 'I5'),
    ('B', 'nordtal', 1, 'I1'), ('B', 'seewind', 2, 'I1'), ('B', 'seewind', 3, 'I2')
) as t(customer_id, brand, hour, item_id);
