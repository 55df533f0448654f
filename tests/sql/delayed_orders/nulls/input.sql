-- A: promised for no day. B: no new day. C: an item that nobody knows, and no name. D: an order without a date. E: a parcel without a state.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name, loaded_at) values
    ('A', 'Ann', null), ('B', 'Bo', null), ('C', 'N/A', null), ('D', 'Dee', '2026-01-01'), ('E', 'Eva', null);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', if(customer_id = 'D', null, timestamp '2026-11-15'), 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity)
select order_id, 1, if(customer_id = 'C', 'I999', 'I1'), 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, promised_on, expected_on, status, loaded_at)
select order_id, 1, timestamp '2026-11-15', if(order_id = 'OA', null, date '2026-11-20'), if(order_id = 'OB', null, date '2026-11-25'),
    if(order_id = 'OE', null, 'shipped'), timestamp '2026-11-21'
from orders;
