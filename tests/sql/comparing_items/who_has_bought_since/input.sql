-- All began to look at tents on the 18th at noon. A: bought one after that. B: before. C: a stove. D: of the other brand. E: called off. F: sends it back.
-- G: took it off the order. H: an order without a date, known since. I: without a date, known before. J: bought at that instant. K: buys after now.
-- L: bought a tent, and looked at stoves less often: the stoves are not come back to. M: sends one back, and has kept another. N: opens the return after now.
insert into items (item_id, name, name_de, category, care_page) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 'tents', 'tents'), ('I2', 'Alpine 2 tent', 'Zelt Alpine 2', 'tents', 'tents'), ('I3', 'Tarp', null, 'tents', 'tents'),
    ('I4', 'Ember stove', 'Kocher Ember', 'stoves', 'stoves'), ('I5', 'Pot set', 'Topfset', 'stoves', 'stoves'),
    ('I6', 'Gas', 'Gas', 'consumables', null), ('I7', 'Wax', 'Wachs', 'consumables', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 15) as t(k);
insert into page_views (customer_id, brand, page, item_id, viewed_at)
select customer_id, 'nordtal', 'item', unnest(['I1', 'I1', 'I2', 'I2']),
    unnest([timestamp '2026-11-18 12:00', timestamp '2026-11-20', timestamp '2026-11-20 01:00', timestamp '2026-11-20'])
from customers
union all
select 'L', 'nordtal', 'item', unnest(['I4', 'I4', 'I5']), timestamp '2026-11-19';
insert into orders (order_id, customer_id, brand, ordered_at, status, loaded_at)
select 'O' || customer_id, customer_id, if(customer_id = 'D', 'seewind', 'nordtal'),
    case customer_id
        when 'B' then timestamp '2026-11-18 11:59:59' when 'H' then null when 'I' then null when 'J' then timestamp '2026-11-18 12:00'
        when 'K' then timestamp '2026-11-22 06:00' else timestamp '2026-11-19'
    end,
    if(customer_id = 'E', 'cancelled', 'placed'), if(customer_id = 'I', timestamp '2026-11-18', timestamp '2026-11-19')
from customers;
insert into order_lines (order_id, line_number, item_id, quantity)
select order_id, 1, if(customer_id = 'C', 'I4', 'I3'), if(customer_id = 'G', 0, 1) from orders
union all select 'OM', 2, 'I2', 1;
insert into returns (return_id, order_id, line_number, opened_at) values
    ('RF', 'OF', 1, '2026-11-21'), ('RM', 'OM', 1, '2026-11-21'), ('RN', 'ON', 1, '2026-11-22 06:00');
