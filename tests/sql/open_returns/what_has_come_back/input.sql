-- A: it has arrived. B: at this instant. C: it will, later today. D: paid back without being sent. E: will be paid back later today.
-- F: neither.
insert into items (item_id, name, name_de) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3'), ('I2', 'Leather boots', 'Lederstiefel'), ('I3', 'Pot set', null);
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 7) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-10-10', 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into returns (return_id, order_id, line_number, opened_at, return_by_on, received_at, refunded_at, loaded_at)
select 'R' || customer_id, 'O' || customer_id, 1, timestamp '2026-11-10', date '2026-12-10',
    case customer_id when 'A' then timestamp '2026-11-20' when 'B' then timestamp '2026-11-22 05:00' when 'C' then timestamp '2026-11-22 06:00' end,
    case customer_id when 'D' then timestamp '2026-11-20' when 'E' then timestamp '2026-11-22 06:00' end, timestamp '2026-11-20'
from customers;
