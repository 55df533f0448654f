-- Everybody bought gas on the 5th. On the 12th A bought more. B called that off. C sends it back. D took it off the order. E got two lines of it,
-- of which one goes back; F two that stay. G bought a tent, H something that nobody knows, I what nobody knows how long it lasts.
-- J's return is opened after now.
insert into items (item_id, name, name_de, is_consumable, lasts_days) values
    ('I1', 'Gas cartridge', 'Gaskartusche', true, 14), ('I2', 'Boot wax', 'Schuhwachs', true, 40), ('I3', 'Chalk', null, true, 27),
    ('I4', 'Tent', 'Zelt', false, 14), ('I5', 'Spice', 'Gewürz', true, null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 11) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O1' || customer_id, customer_id, 'nordtal', timestamp '2026-11-05 10:00', 'placed' from customers
union all
select 'O2' || customer_id, customer_id, 'nordtal', timestamp '2026-11-12 10:00', if(customer_id = 'B', 'cancelled', 'placed') from customers;
insert into order_lines (order_id, line_number, item_id, quantity)
select order_id, 1, 'I1', 1 from orders where order_id[2] = '1'
union all
select order_id, 1, case customer_id when 'G' then 'I4' when 'H' then 'I999' when 'I' then 'I5' else 'I1' end, if(customer_id = 'D', 0, 2)
from orders where order_id[2] = '2'
union all
select order_id, 2, 'I1', 1 from orders where order_id in ('O2E', 'O2F');
insert into returns (return_id, order_id, line_number, opened_at) values
    ('RC', 'O2C', 1, '2026-11-20'), ('RE', 'O2E', 1, '2026-11-20'), ('RJ', 'O2J', 1, '2026-11-22 06:00');
