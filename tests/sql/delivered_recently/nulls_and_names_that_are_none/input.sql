-- All have the same order; only a name is printed as one. G's order has no date, H's parcel has not come, I's item is unknown.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name, loaded_at) values
    ('A', null, '2026-01-01'), ('B', '  ', null), ('C', 'NULL', null), ('D', 'Ann<script>', null), ('E', '{{ 7*7 }}', null),
    ('F', ' José-María ', null), ('G', 'D''Arcy', null), ('H', 'Hal', null), ('I', 'Ida', null), ('J', 'محمد', null),
    ('K', '-', null), ('L', 'N/A', null);
insert into orders (order_id, customer_id, brand, ordered_at, status)
select 'O' || customer_id, customer_id, 'nordtal', if(customer_id = 'G', null, timestamp '2026-11-10'), 'placed' from customers;
insert into order_lines (order_id, line_number, item_id, quantity)
select order_id, 1, if(customer_id = 'I', 'I999', 'I1'), 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, delivered_at, status)
select order_id, 1, timestamp '2026-11-10', if(customer_id = 'H', null, timestamp '2026-11-15 10:00'), 'delivered' from orders;
