-- What is sold, and where. `care_page` is the address of the care guide, null where there is nothing to look after; `is_sized`
-- says whether there are sizes to choose from, `lasts_days` how long one is used, null for what is never used up.

insert into items
with catalogue(category, care_page, is_sized, lasts_days, goods) as (
    values
    ('tents', 'tents', false, 1800, [
        ('Alpine 3 tent', 'Zelt Alpine 3', 429.00), ('Alpine 2 tent', 'Zelt Alpine 2', 349.00),
        ('Ridge ultralight tent', 'Ultraleichtzelt Ridge', 519.00), ('Family dome tent', 'Familien-Kuppelzelt', 389.00),
        ('Tarp 3 × 3', 'Tarp 3 × 3', 89.00), ('Winter tunnel tent', 'Winter-Tunnelzelt', 749.00)]),
    ('sleeping bags', 'down', false, 2200, [
        ('Polar down sleeping bag', 'Daunenschlafsack Polar', 379.00), ('Summer down quilt', 'Sommer-Daunenquilt', 229.00),
        ('Children’s sleeping bag', 'Kinderschlafsack', 99.00),
        ('Three-season sleeping bag', 'Drei-Jahreszeiten-Schlafsack', 199.00), ('Silk liner', 'Seideninlett', 49.00)]),
    ('sleeping mats', 'sleeping-mats', false, 1500, [
        ('Cloud sleeping mat', 'Isomatte Cloud', 149.00), ('Cloud wide sleeping mat', 'Isomatte Cloud breit', 179.00),
        ('Foam mat', 'Schaumstoffmatte', 39.00), ('Inflatable pillow', 'Luftkissen', 34.00)]),
    ('rucksacks', 'rucksacks', false, 2000, [
        ('Kestrel 45 rucksack', 'Rucksack Kestrel 45', 169.00), ('Kestrel 65 rucksack', 'Rucksack Kestrel 65', 219.00),
        ('Day pack 20', 'Tagesrucksack 20', 79.00), ('Trail running vest', 'Trailrunning-Weste', 109.00),
        ('Commuter rucksack', 'Pendlerrucksack', 119.00), ('Waterproof duffel 60', 'Duffelbag 60 wasserdicht', 139.00)]),
    ('waterproofs', 'waterproofs', true, 1200, [
        ('Storm shell jacket', 'Hardshelljacke Storm', 349.00), ('Storm shell trousers', 'Hardshellhose Storm', 229.00),
        ('Rain poncho', 'Regenponcho', 59.00), ('Drizzle jacket', 'Regenjacke Drizzle', 129.00),
        ('Children’s rain suit', 'Kinder-Regenanzug', 79.00), ('Rain hat', 'Regenhut', 39.00)]),
    ('insulation', 'down', true, 1500, [
        ('Fjord down jacket', 'Daunenjacke Fjord', 279.00), ('Fjord down vest', 'Daunenweste Fjord', 189.00),
        ('Expedition parka', 'Expeditionsparka', 549.00), ('Synthetic belay jacket', 'Kunstfaser-Sicherungsjacke', 239.00)]),
    ('wool and fleece', 'merino', true, 900, [
        ('Merino base layer', 'Merino-Funktionsshirt', 89.00), ('Merino leggings', 'Merino-Leggings', 79.00),
        ('Fleece jacket', 'Fleecejacke', 99.00), ('Wool hat', 'Wollmütze', 29.00), ('Merino socks', 'Merinosocken', 24.00),
        ('Wool jumper', 'Wollpullover', 149.00)]),
    ('boots and shoes', 'boots', true, 800, [
        ('Granite leather boots', 'Lederstiefel Granite', 269.00), ('Summit mountaineering boots', 'Bergstiefel Summit', 389.00),
        ('Trail running shoes', 'Trailrunning-Schuhe', 139.00), ('Approach shoes', 'Zustiegsschuhe', 159.00),
        ('Children’s walking boots', 'Kinder-Wanderstiefel', 89.00), ('Hut slippers', 'Hüttenschuhe', 49.00)]),
    ('stoves and kitchen', 'stoves', false, 2500, [
        ('Ember gas stove', 'Gaskocher Ember', 69.00), ('Ember petrol stove', 'Benzinkocher Ember', 149.00),
        ('Camp kettle', 'Campingkessel', 39.00), ('Pot set', 'Topfset', 79.00), ('Cast-iron pan', 'Gusseisenpfanne', 59.00),
        ('Wood stove', 'Holzkocher', 99.00)]),
    ('climbing', 'ropes', false, 1500, [
        ('Single rope 60 m', 'Einfachseil 60 m', 189.00), ('Half rope 60 m', 'Halbseil 60 m', 159.00),
        ('Climbing harness', 'Klettergurt', 89.00), ('Climbing helmet', 'Kletterhelm', 79.00),
        ('Quickdraw set', 'Expressset', 99.00)]),
    ('skiing and snow', 'skis', false, 1500, [
        ('Touring skis', 'Tourenski', 599.00), ('Snowshoes', 'Schneeschuhe', 199.00), ('Climbing skins', 'Steigfelle', 159.00),
        ('Ski goggles', 'Skibrille', 119.00), ('Avalanche shovel', 'Lawinenschaufel', 69.00)]),
    ('boats', 'drysuits', false, 2500, [
        ('Packraft', 'Packraft', 799.00), ('Drysuit', 'Trockenanzug', 699.00), ('Paddle', 'Paddel', 149.00),
        ('Buoyancy aid', 'Schwimmweste', 109.00)]),
    ('light and navigation', 'batteries', false, 1500, [
        ('Head torch', 'Stirnlampe', 59.00), ('Lantern', 'Laterne', 45.00), ('Compass', 'Kompass', 39.00),
        ('Solar charger', 'Solarladegerät', 99.00)]),
    ('consumables', null, false, 30, [
        ('Gas cartridge 230 g', 'Gaskartusche 230 g', 7.95), ('Boot wax', 'Schuhwachs', 9.95),
        ('Wash-in waterproofing', 'Einwasch-Imprägnierung', 14.95), ('Down wash', 'Daunenwaschmittel', 11.95),
        ('Freeze-dried chilli', 'Trekkingmahlzeit Chili', 8.95), ('Energy bars', 'Energieriegel', 14.95),
        ('Water purification tablets', 'Wasserentkeimungstabletten', 12.95), ('Chalk', 'Magnesia', 7.95),
        ('Insect repellent', 'Insektenschutzmittel', 10.95), ('Seam sealer', 'Nahtdichter', 8.95)]),
    ('maps and cards', null, false, null, [
        ('Hiking map', 'Wanderkarte', 12.95), ('Hut guide', 'Hüttenführer', 19.95), ('Gift card', 'Geschenkkarte', 50.00)])
),
-- Not every item is like the others of its category.
exceptions(name, is_sized, lasts_days) as (
    values
    ('Climbing harness', true, 1500), ('Climbing helmet', true, 1500), ('Drysuit', true, 2500), ('Buoyancy aid', true, 2500),
    ('Rain poncho', false, 1200),
    ('Gas cartridge 230 g', false, 14), ('Boot wax', false, 60), ('Wash-in waterproofing', false, 40), ('Down wash', false, 75),
    ('Freeze-dried chilli', false, 7), ('Energy bars', false, 14), ('Insect repellent', false, 25), ('Seam sealer', false, 70)
),
good as (
    select category, care_page, is_sized, lasts_days, unnest(goods) as item from catalogue
),
numbered as (
    select
        item_name(row_number() over () - 1) as item_id, struct_extract_at(item, 1) as name, struct_extract_at(item, 2) as name_de,
        category, struct_extract_at(item, 3) as price_eur, care_page, is_sized, lasts_days
    from good
)
select
    n.item_id, n.name, n.name_de, n.category, n.price_eur, n.care_page, n.category = 'consumables',
    coalesce(e.is_sized, n.is_sized), coalesce(e.lasts_days, n.lasts_days)
from numbered as n
left join exceptions as e using (name)
order by n.item_id;

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

-- One item in eight is sold out with a brand; of the others each store has up to thirteen, or has just sold the last one.
insert into stock
select
    store_id, item_id, if(draw(brand || item_id, 'sold out') < 0.125, 0, pick(store_id || item_id, 'stock', 14)), days_ago(0.1)
from stores, items;
