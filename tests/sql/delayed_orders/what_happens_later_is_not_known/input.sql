-- A's order lies after now, and so is hidden. B's parcel comes an hour from now: still late. C's came an hour ago.
insert into items (item_id, name, name_de, price_eur, care_page) values ('I1', 'Alpine 3 tent', 'Zelt Alpine 3', 429, 'tents'), ('I2', 'Boot wax', 'Schuhwachs', 9.95, null), ('I3', 'Pot set', null, 79, 'stoves');
insert into customers (customer_id, first_name) values ('A', 'Ann'), ('B', 'Bo'), ('C', 'Can');
insert into orders (order_id, customer_id, brand, ordered_at, status) values
    ('OA', 'A', 'nordtal', '2026-11-22 06:00', 'placed'), ('OB', 'B', 'nordtal', '2026-11-15', 'placed'), ('OC', 'C', 'nordtal', '2026-11-15', 'placed');
insert into order_lines (order_id, line_number, item_id, quantity) select order_id, 1, 'I1', 1 from orders;
insert into deliveries (order_id, parcel_number, created_at, promised_on, expected_on, delivered_at, status, loaded_at)
select order_id, 1, timestamp '2026-11-15', date '2026-11-20', date '2026-11-22',
    case order_id when 'OB' then timestamp '2026-11-22 06:00' when 'OC' then timestamp '2026-11-22 04:00' end, 'shipped', timestamp '2026-11-21'
from orders;
