-- Customers, the brands they belong to, their points; and for later files the table `people`, as it is in truth.

create temp table people as
with drawn as (
    select
        n, customer_name(n) as customer_id,
        2 + 2400 * draw(n, 'registered') as registered_days,
        if(draw(n, 'buys') < 0.15, 0, least(15, 1 + count_about(n, 'orders', 1.6))) as order_count,
        draw(n, 'bot') < 0.001 as is_bot,
        draw(n, 'both brands') < 0.2 as has_both,
        if(draw(n, 'brand') < 0.6, 'nordtal', 'seewind') as first_brand,
        pick(n, 'place', 100) as slot, if(draw(n, 'kind') < 0.52, 'f', 'm') as kind,
        pick(n, 'first name', 16) as first_k, pick(n, 'surname', 16) as surname_k, pick(n, 'city', 8) as city_k,
        -- Every number once: 7,654,321 has no divisor in common with ten million.
        lpad(((n * 7654321 + getvariable('seed')) % 10000000)::varchar, 7, '0') as subscriber
    from range(1, getvariable('customers') + 1) as t(n)
)
select
    d.* exclude (slot, first_k, surname_k, city_k, subscriber),
    if(d.first_brand = 'nordtal', 'seewind', 'nordtal') as second_brand,
    -- Those who have ordered at most once look after their first kit; the effects differ between these two.
    if(d.order_count <= 1, 'new', 'returning') as people,
    f.name as first_name, s.name as surname,
    p.country, p.locale, p.time_zone, p.calling_code, p.trunk, p.mobile || d.subscriber as mobile_number,
    if(d.kind = 'f', p.madam, p.mister) as salutation, p.cities[d.city_k + 1] as city, p.postcodes[d.city_k + 1] as postcode,
    f.ascii_name || '.' || s.ascii_name || d.n || '@' || ['example.com', 'example.org', 'example.net'][1 + pick(d.n, 'domain', 3)]
        as email
from drawn as d
join places as p using (slot)
join names as f on f.language = p.language and f.kind = d.kind and f.k = d.first_k
join names as s on s.language = p.language and s.kind = 's' and s.k = d.surname_k;

insert into customers
with dirty as (
    select
        *, draw(n, 'name dirt') as name_dirt, draw(n, 'email dirt') as email_dirt, draw(n, 'phone dirt') as phone_dirt,
        draw(n, 'locale dirt') as locale_dirt, draw(n, 'birthday dirt') as birthday_dirt
    from people
),
housemates as (
    -- Who shares an address uses the one of the customer before them.
    select n + 1 as n, email from people where draw(n + 1, 'email dirt') between 0.05 and 0.065
)
select
    d.customer_id, days_ago(d.registered_days),
    if(draw(d.n, 'salutation') < 0.25, null, d.salutation),
    case
        when name_dirt < 0.030 then null
        when name_dirt < 0.040 then ['', ' ', '   ', chr(9)][1 + pick(d.n, 'blank', 4)]
        when name_dirt < 0.050 then ['NULL', 'N/A', '-', 'null', 'unknown', 'n/a'][1 + pick(d.n, 'no name', 6)]
        when name_dirt < 0.052 then b.name
        when name_dirt < 0.055 then r.name
        when name_dirt < 0.075 then upper(d.first_name)
        when name_dirt < 0.085 then lower(d.first_name)
        when name_dirt < 0.090 then '  ' || d.first_name || ' '
        else d.first_name
    end,
    case when name_dirt < 0.02 then null when name_dirt < 0.03 then 'NULL' else d.surname end,
    case
        when birthday_dirt < 0.300 then null
        when birthday_dirt < 0.305 then date '1900-01-01'                                       -- what a form filled in
        when birthday_dirt < 0.306 then getvariable('as_of') + 300 + pick(d.n, 'birthday', 9000)   -- not born yet
        else getvariable('as_of') - (18 * 366 + pick(d.n, 'birthday', 60 * 365))
    end,
    case when draw(d.n, 'allergy') < 0.04 then ['nuts', 'milk', 'gluten', 'wool'][1 + pick(d.n, 'allergen', 4)] end,
    case
        when email_dirt < 0.030 then null
        when email_dirt < 0.050 then e.email
        when email_dirt < 0.065 then coalesce(h.email, d.email)
        when email_dirt < 0.085 then upper(d.email)
        when email_dirt < 0.095 then ' ' || d.email || ' '
        else d.email
    end,
    case
        when phone_dirt < 0.250 then null
        when phone_dirt < 0.310 then d.trunk || d.mobile_number                                 -- national, without a country
        when phone_dirt < 0.330 then d.calling_code || d.mobile_number                          -- without the plus
        when phone_dirt < 0.370
        then '+' || d.calling_code || ' (0)' || d.mobile_number[:3] || ' ' || d.mobile_number[4:6] || '-' || d.mobile_number[7:]
        when phone_dirt < 0.385 then format('{:.5E}', (d.calling_code || d.mobile_number)::double)   -- damaged by Excel
        when phone_dirt < 0.395 then ['unknown', '0000', '-', '+49', '112'][1 + pick(d.n, 'no phone', 5)]
        else '+' || d.calling_code || d.mobile_number
    end,
    case
        when draw(d.n, 'app') < 0.35 then 'push-' || to_hex(hash(d.n, 'a')) || to_hex(hash(d.n, 'b', getvariable('seed')))
    end,
    d.city, d.postcode,
    case when locale_dirt < 0.005 then null when locale_dirt < 0.010 then lower(d.country) else d.country end,
    case when locale_dirt < 0.008 then null when locale_dirt < 0.023 then replace(d.locale, '-', '_') else d.locale end,
    d.time_zone,
    case when draw(d.n, 'store') < 0.3 then store_name(pick(d.n, 'which store', 36)) end,
    known_from(days_ago(d.registered_days), d.n)
from dirty as d
left join housemates as h using (n)
left join broken_names as b on d.name_dirt between 0.050 and 0.052 and b.k = pick(d.n, 'broken name', 8)
left join rare_names as r on d.name_dirt between 0.052 and 0.055 and r.k = pick(d.n, 'rare name', 8)
left join broken_emails as e on d.email_dirt between 0.030 and 0.050 and e.k = pick(d.n, 'broken email', 10)
order by d.n;

-- Belonging to the second brand began some time after the first.
insert into memberships
select customer_id, first_brand, days_ago(registered_days), known_from(days_ago(registered_days), n)
from people
union all
select customer_id, second_brand, joined_at, known_from(joined_at, n)
from (select *, days_ago(registered_days * draw(n, 'joined')) as joined_at from people where has_both);

insert into loyalty
with scored as (
    select
        customer_id, first_brand, n, count_about(n, 'points', 60) * order_count as points,
        days_ago(least(registered_days, 90) * draw(n, 'points at')) as updated_at
    from people
    where draw(n, 'loyal') < 0.4
)
select
    customer_id, first_brand, points, case when points >= 600 then 'gold' when points >= 200 then 'silver' else 'basic' end,
    updated_at, known_from(updated_at, n)
from scored;
