-- The warehouse of the sample: `_at` is a time in UTC, `_on` a date, `_eur` an amount, `loaded_at` when the row came to be known.

create table customers (
    customer_id varchar, registered_at timestamp,
    salutation varchar, first_name varchar, surname varchar, birth_on date, allergies varchar,
    email varchar, phone varchar, push_token varchar,
    city varchar, postcode varchar, country varchar, locale varchar, time_zone varchar,
    preferred_store_id varchar, loaded_at timestamp
);
create table memberships (customer_id varchar, brand varchar, joined_at timestamp, loaded_at timestamp);
create table loyalty (
    customer_id varchar, brand varchar, points integer, tier varchar, updated_at timestamp, loaded_at timestamp
);

create table consent_events (
    event_id varchar, customer_id varchar, brand varchar, channel varchar, topic varchar, state varchar,
    happened_at timestamp, until timestamp, source varchar, wording varchar, loaded_at timestamp
);
create table suppressions (
    channel varchar, address varchar, brand varchar, reason varchar, happened_at timestamp, loaded_at timestamp
);

create table items (
    item_id varchar, name varchar, name_de varchar, category varchar, price_eur decimal(10, 2), care_page varchar,
    is_consumable boolean, is_sized boolean, lasts_days integer
);
create table stores (store_id varchar, name varchar, brand varchar, city varchar, country varchar, postcode varchar);
create table stock (store_id varchar, item_id varchar, quantity integer, counted_at timestamp);

create table orders (
    order_id varchar, customer_id varchar, brand varchar, ordered_at timestamp, sold_in varchar, store_id varchar,
    status varchar, loaded_at timestamp
);
create table order_lines (
    order_id varchar, line_number integer, item_id varchar, quantity integer, price_eur decimal(10, 2), loaded_at timestamp
);
create table deliveries (
    delivery_id varchar, order_id varchar, parcel_number integer, created_at timestamp, promised_on date, expected_on date,
    shipped_at timestamp, delivered_at timestamp, status varchar, carrier varchar, loaded_at timestamp
);
create table returns (
    return_id varchar, order_id varchar, line_number integer, reason varchar, opened_at timestamp, return_by_on date,
    received_at timestamp, refunded_at timestamp, loaded_at timestamp
);

create table support_contacts (
    contact_id varchar, customer_id varchar, brand varchar, order_id varchar, topic varchar, came_by varchar, note varchar,
    opened_at timestamp, closed_at timestamp, loaded_at timestamp
);

create table page_views (
    view_id bigint, customer_id varchar, brand varchar, page varchar, item_id varchar, viewed_at timestamp,
    loaded_at timestamp
);
create table care_page_views (
    view_id varchar, customer_id varchar, brand varchar, care_page varchar, item_id varchar, viewed_at timestamp,
    loaded_at timestamp
);
create table logins (customer_id varchar, brand varchar, device varchar, logged_in_at timestamp, loaded_at timestamp);
create table baskets (
    basket_id varchar, customer_id varchar, brand varchar, created_at timestamp, updated_at timestamp, status varchar,
    loaded_at timestamp
);
create table basket_lines (
    basket_id varchar, line_number integer, item_id varchar, quantity integer, added_at timestamp, loaded_at timestamp
);

-- Of the sample only, and not in the catalogue: the truth, which no shop knows (see README.md).
create table planted_effects (
    product varchar, outcome varchar, people varchar, level integer, base_share double, effect_share double
);
create table planted_people (
    customer_id varchar, people varchar, responsiveness double, is_bot boolean,
    care_contact_draw double, where_is_my_order_draw double, ordered_again_draw double, complaint_draw double,
    size_question_draw double, ordered_draw double, return_question_draw double, return_done_draw double, ran_out_draw double,
    reordered_draw double, choice_question_draw double
);
