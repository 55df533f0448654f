-- A: an order without a date, but the parcel has one. B: neither has. C: an order without a state. D: a quantity that nobody knows.
-- E, F, G: a name that is none. H: one that is.
insert into items (item_id, name, name_de, is_consumable, lasts_days) values
    ('I1', 'Gas cartridge', 'Gaskartusche', true, 14), ('I2', 'Boot wax', 'Schuhwachs', true, 40), ('I3', 'Chalk', null, true, 27),
    ('I4', 'Tent', 'Zelt', false, 14), ('I5', 'Spice', 'Gewürz', true, null);
insert into customers (customer_id, first_name, loaded_at) values
    ('A', 'Ann', '2026-01-01'), ('B', 'Bo', null), ('C', 'Can', null), ('D', 'Dee', null), ('E', null, null), ('F', '-', null), ('G', '3Dmax', null),
    ('H', ' Íñigo', null);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', if(customer_id in ('A', 'B'), null, timestamp '2026-11-09 10:00'), if(customer_id = 'C', null, 'placed')
from customers;
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', if(customer_id = 'D', null, 1) from orders;
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status) values
    ('OA', 1, '2026-11-08', '2026-11-10 10:00', 'delivered');
