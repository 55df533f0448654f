-- A: the order was called off. B: in no known state. C: an item that nobody knows. D: a line that is not there. E: a line that was taken off.
-- F: an order without a date. G: the order lies after now. H: an order of nobody. I: a return of no order.
insert into items (item_id, name, name_de) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3'), ('I2', 'Leather boots', 'Lederstiefel'), ('I3', 'Pot set', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 8) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal',
    case customer_id when 'F' then null when 'G' then timestamp '2026-11-23' else timestamp '2026-11-01' end,
    case customer_id when 'A' then 'cancelled' when 'B' then null else 'placed' end
from customers;
insert into orders (order_id, customer_id, brand, ordered_at, status) values ('OH', null, 'nordtal', '2026-11-01', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity)
select order_id, if(customer_id = 'D', 2, 1), if(customer_id = 'C', 'I999', 'I1'), if(customer_id = 'E', 0, 1) from orders;
insert into returns (return_id, order_id, line_number, opened_at, return_by_on, loaded_at)
select 'R' || order_id[2:], order_id, 1, timestamp '2026-11-10', date '2026-12-10', timestamp '2026-11-10' from orders
union all select 'RI', 'OI', 1, timestamp '2026-11-10', date '2026-12-10', timestamp '2026-11-10';
