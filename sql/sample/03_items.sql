-- What is sold, and where. `care_page` is the address of the care guide, null where there is nothing to look after.

insert into items
with catalogue(category, care_page, is_consumable, lasts_days, goods) as (
    values
    ('tents', 'tents', false, 1800, [('Alpine 3 tent', 429.00), ('Alpine 2 tent', 349.00), ('Ridge ultralight tent', 519.00), ('Family dome tent', 389.00), ('Tarp 3 × 3', 89.00), ('Winter tunnel tent', 749.00)]),
    ('sleeping bags', 'down', false, 2200, [('Polar down sleeping bag', 379.00), ('Summer down quilt', 229.00), ('Children’s sleeping bag', 99.00), ('Three-season sleeping bag', 199.00), ('Silk liner', 49.00)]),
    ('sleeping mats', 'sleeping-mats', false, 1500, [('Cloud sleeping mat', 149.00), ('Cloud wide sleeping mat', 179.00), ('Foam mat', 39.00), ('Inflatable pillow', 34.00)]),
    ('rucksacks', 'rucksacks', false, 2000, [('Kestrel 45 rucksack', 169.00), ('Kestrel 65 rucksack', 219.00), ('Day pack 20', 79.00), ('Trail running vest', 109.00), ('Commuter rucksack', 119.00), ('Waterproof duffel 60', 139.00)]),
    ('waterproofs', 'waterproofs', false, 1200, [('Storm shell jacket', 349.00), ('Storm shell trousers', 229.00), ('Rain poncho', 59.00), ('Drizzle jacket', 129.00), ('Children’s rain suit', 79.00), ('Rain hat', 39.00)]),
    ('insulation', 'down', false, 1500, [('Fjord down jacket', 279.00), ('Fjord down vest', 189.00), ('Expedition parka', 549.00), ('Synthetic belay jacket', 239.00)]),
    ('wool and fleece', 'merino', false, 900, [('Merino base layer', 89.00), ('Merino leggings', 79.00), ('Fleece jacket', 99.00), ('Wool hat', 29.00), ('Merino socks', 24.00), ('Wool jumper', 149.00)]),
    ('boots and shoes', 'boots', false, 800, [('Granite leather boots', 269.00), ('Summit mountaineering boots', 389.00), ('Trail running shoes', 139.00), ('Approach shoes', 159.00), ('Children’s walking boots', 89.00), ('Hut slippers', 49.00)]),
    ('stoves and kitchen', 'stoves', false, 2500, [('Ember gas stove', 69.00), ('Ember petrol stove', 149.00), ('Camp kettle', 39.00), ('Pot set', 79.00), ('Cast-iron pan', 59.00), ('Wood stove', 99.00)]),
    ('climbing', 'ropes', false, 1500, [('Single rope 60 m', 189.00), ('Half rope 60 m', 159.00), ('Climbing harness', 89.00), ('Climbing helmet', 79.00), ('Quickdraw set', 99.00)]),
    ('skiing and snow', 'skis', false, 1500, [('Touring skis', 599.00), ('Snowshoes', 199.00), ('Climbing skins', 159.00), ('Ski goggles', 119.00), ('Avalanche shovel', 69.00)]),
    ('boats', 'drysuits', false, 2500, [('Packraft', 799.00), ('Drysuit', 699.00), ('Paddle', 149.00), ('Buoyancy aid', 109.00)]),
    ('light and navigation', 'batteries', false, 1500, [('Head torch', 59.00), ('Lantern', 45.00), ('Compass', 39.00), ('Solar charger', 99.00)]),
    ('consumables', null, true, 60, [('Gas cartridge 230 g', 7.95), ('Boot wax', 9.95), ('Wash-in waterproofing', 14.95), ('Down wash', 11.95), ('Freeze-dried chilli', 8.95), ('Energy bars', 14.95), ('Water purification tablets', 12.95), ('Chalk', 7.95), ('Insect repellent', 10.95), ('Seam sealer', 8.95)]),
    ('maps and cards', null, false, null, [('Hiking map', 12.95), ('Hut guide', 19.95), ('Gift card', 50.00)])
),
good as (
    select category, care_page, is_consumable, lasts_days, unnest(goods) as item from catalogue
)
select
    item_name(row_number() over () - 1), struct_extract_at(item, 1), category, struct_extract_at(item, 2), care_page,
    is_consumable, lasts_days
from good;

set variable item_count = (select count(*)::integer from items);

insert into stores
select
    store_name(row_number() over (order by country, k, locale) - 1), city, if(k % 2 = 0, 'nordtal', 'seewind'), city, country,
    postcode
from (
    select
        country, locale, unnest(cities[:4]) as city, unnest(postcodes[:4]) as postcode, unnest(range(4)) as k
    from (from places qualify row_number() over (partition by locale order by slot) = 1)
);

insert into stock
select store_id, item_id, pick(store_id || item_id, 'stock', 14), days_ago(0.1)
from stores, items;
