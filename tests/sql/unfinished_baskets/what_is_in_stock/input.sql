-- One store of the brand is enough. A: nordtal has the tent in one store of two. B: seewind has sold the last one, whatever nordtal has.
-- C: the boots were counted again, and are gone. D: nobody has counted the pots. E: seewind gets boots later today, which nobody knows yet.
insert into items (item_id, name, name_de, price_eur, is_sized) values
    ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, false), ('I2', 'Leather boots', 'Lederstiefel', 269, true), ('I3', 'Pot set', null, 79, null);
insert into stores (store_id, brand) values ('S1', 'nordtal'), ('S2', 'nordtal'), ('S3', 'seewind');
insert into stock (store_id, item_id, quantity, counted_at) values
    ('S1', 'I1', 0, '2026-11-21'), ('S2', 'I1', 2, '2026-11-21'), ('S3', 'I1', 0, '2026-11-21'),
    ('S1', 'I2', 3, '2026-11-20'), ('S1', 'I2', 0, '2026-11-21'), ('S3', 'I2', 4, '2026-11-22 06:00');
insert into customers (customer_id, first_name) select chr(64 + k::integer), 'Kim' from range(1, 6) as t(k);
insert into baskets (basket_id, customer_id, brand, created_at, updated_at, status)
select 'B' || customer_id, customer_id, if(customer_id in ('B', 'E'), 'seewind', 'nordtal'), timestamp '2026-11-20 09:00', timestamp '2026-11-20 10:00',
    'left'
from customers;
insert into basket_lines (basket_id, line_number, item_id, quantity)
select 'B' || customer_id, 1, case customer_id when 'A' then 'I1' when 'B' then 'I1' when 'D' then 'I3' else 'I2' end, 1 from customers;
