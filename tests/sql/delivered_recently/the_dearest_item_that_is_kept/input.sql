-- A: the dearest. B: the tent goes back. C: taken off the order. D: nothing to look after. E: a parcel still to come.
-- F: the other parcel was called off. G: the order was called off. H: first told as under way, then put right. I: the later order has only wax.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 10) as t(k);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', timestamp '2026-11-10', if(customer_id = 'G', 'cancelled', 'placed') from customers;
insert into orders (order_id, customer_id, brand, ordered_at, status) values ('OI2', 'I', 'nordtal', '2026-11-12', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity)
select order_id, 1, 'I2', 2 from orders
union all select order_id, 2, 'I3', 1 from orders where customer_id <> 'D' and order_id <> 'OI2'
union all select order_id, 3, 'I1', if(customer_id = 'C', 0, 1) from orders where customer_id <> 'D' and order_id <> 'OI2';
insert into returns (return_id, order_id, line_number, opened_at) values ('RB', 'OB', 3, '2026-11-16');
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status, loaded_at)
select order_id, 1, timestamp '2026-11-10', if(order_id = 'OI2', timestamp '2026-11-17 10:00', timestamp '2026-11-15 10:00'), 'delivered', timestamp '2026-11-17'
from orders
union all select 'OE', 2, timestamp '2026-11-10', null, 'shipped', null
union all select 'OF', 2, timestamp '2026-11-10', null, 'cancelled', null
union all select 'OH', 1, timestamp '2026-11-10', null, 'shipped', timestamp '2026-11-12';
