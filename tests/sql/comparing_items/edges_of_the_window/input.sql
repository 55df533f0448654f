-- The ten days up to 2026-11-22 05:00. A: the first view lies ten days back to the second, so two remain. B: a second later. C: the last view is now.
-- D: the last view lies after now. E: nobody knows when.
insert into items (item_id, name, name_de, category, care_page) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 'tents', 'tents'), ('I2', 'Alpine 2 tent', 'Zelt Alpine 2', 'tents', 'tents'), ('I3', 'Tarp', null, 'tents', 'tents'),
    ('I4', 'Ember stove', 'Kocher Ember', 'stoves', 'stoves'), ('I5', 'Pot set', 'Topfset', 'stoves', 'stoves'),
    ('I6', 'Gas', 'Gas', 'consumables', null), ('I7', 'Wax', 'Wachs', 'consumables', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 6) as t(k);
insert into page_views (customer_id, brand, page, item_id, viewed_at)
select customer_id, 'nordtal', 'item', 'I1', timestamp '2026-11-18 10:00' from customers
union all select customer_id, 'nordtal', 'item', 'I1', timestamp '2026-11-18 11:00' from customers;
insert into page_views (customer_id, brand, page, item_id, viewed_at) values
    ('A', 'nordtal', 'item', 'I2', '2026-11-12 05:00:00'), ('B', 'nordtal', 'item', 'I2', '2026-11-12 05:00:01'),
    ('C', 'nordtal', 'item', 'I2', '2026-11-22 05:00:00'), ('D', 'nordtal', 'item', 'I2', '2026-11-22 05:00:01'), ('E', 'nordtal', 'item', 'I2', null);
