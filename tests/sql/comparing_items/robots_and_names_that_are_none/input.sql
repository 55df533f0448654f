-- R opens 501 pages on a day and is a robot, S 500. The others have names that are none, or that look as if.
insert into items (item_id, name, name_de, category, care_page) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 'tents', 'tents'), ('I2', 'Alpine 2 tent', 'Zelt Alpine 2', 'tents', 'tents'), ('I3', 'Tarp', null, 'tents', 'tents'),
    ('I4', 'Ember stove', 'Kocher Ember', 'stoves', 'stoves'), ('I5', 'Pot set', 'Topfset', 'stoves', 'stoves'),
    ('I6', 'Gas', 'Gas', 'consumables', null), ('I7', 'Wax', 'Wachs', 'consumables', null);
insert into customers (customer_id, first_name, loaded_at) values
    ('R', 'Robot', null), ('S', 'Sam', null), ('A', null, '2026-01-01'), ('B', ' ', null), ('C', 'NULL', null), ('D', 'Max"; --', null),
    ('E', 'O''Connor', null), ('F', 'Ángela ', null), ('G', '李娜', null);
insert into page_views (customer_id, brand, page, item_id, viewed_at)
select customer_id, 'nordtal', 'item', unnest(['I1', 'I1', 'I2']), timestamp '2026-11-18' from customers;
insert into page_views (customer_id, brand, page, viewed_at) select 'R', 'nordtal', 'home', timestamp '2026-11-01' + to_seconds(k) from range(501) as t(k);
insert into page_views (customer_id, brand, page, viewed_at) select 'S', 'nordtal', 'home', timestamp '2026-11-01' + to_seconds(k) from range(500) as t(k);
insert into page_views (customer_id, brand, page, viewed_at) select null, 'nordtal', 'home', timestamp '2026-11-01' from range(900) as t(k);
