-- What names, places and telephone numbers are made of. Temporary: only what is drawn from it reaches the warehouse.

-- One line per language spoken in a country, with its slots of a hundred.
create temp table places as
with spoken(first_slot, slots, country, locale, time_zone, mister, madam, calling_code, trunk, mobile, cities, postcodes) as (
    values
    (0, 34, 'DE', 'de-DE', 'Europe/Berlin', 'Herr', 'Frau', '49', '0', '1505',
        ['Berlin', 'Leipzig', 'Köln', 'München', 'Freiburg', 'Gießen', 'Nürnberg', 'Kiel'],
        ['10437', '04109', '50667', '80331', '79098', '35390', '90402', '24103']),
    (34, 11, 'AT', 'de-AT', 'Europe/Vienna', 'Herr', 'Frau', '43', '0', '664',
        ['Wien', 'Graz', 'Innsbruck', 'Salzburg', 'Linz', 'Bregenz', 'Villach', 'St. Pölten'],
        ['1070', '8010', '6020', '5020', '4020', '6900', '9500', '3100']),
    (45, 7, 'CH', 'de-CH', 'Europe/Zurich', 'Herr', 'Frau', '41', '0', '79',
        ['Zürich', 'Bern', 'Basel', 'Luzern', 'Chur', 'St. Gallen', 'Thun', 'Winterthur'],
        ['8004', '3011', '4051', '6003', '7000', '9000', '3600', '8400']),
    (52, 3, 'CH', 'fr-CH', 'Europe/Zurich', 'Monsieur', 'Madame', '41', '0', '79',
        ['Genève', 'Lausanne', 'Neuchâtel', 'Fribourg', 'Sion', 'Vevey', 'Delémont', 'Nyon'],
        ['1201', '1003', '2000', '1700', '1950', '1800', '2800', '1260']),
    (55, 13, 'FR', 'fr-FR', 'Europe/Paris', 'Monsieur', 'Madame', '33', '0', '61',
        ['Paris', 'Lyon', 'Grenoble', 'Annecy', 'Toulouse', 'Nantes', 'Chambéry', 'Strasbourg'],
        ['75011', '69002', '38000', '74000', '31000', '44000', '73000', '67000']),
    (68, 13, 'GB', 'en-GB', 'Europe/London', 'Mr', 'Ms', '44', '0', '741',
        ['London', 'Leeds', 'Sheffield', 'Bristol', 'Edinburgh', 'Cardiff', 'Kendal', 'Belfast'],
        ['N1 7AA', 'LS1 4AP', 'S1 2HE', 'BS1 4DJ', 'EH1 1BQ', 'CF10 1EP', 'LA9 4DH', 'BT1 5GS']),
    (81, 8, 'SE', 'sv-SE', 'Europe/Stockholm', 'Herr', 'Fru', '46', '0', '70',
        ['Stockholm', 'Göteborg', 'Malmö', 'Umeå', 'Östersund', 'Luleå', 'Åre', 'Örebro'],
        ['118 20', '411 03', '211 22', '903 26', '831 30', '972 31', '837 52', '702 10']),
    (89, 6, 'NL', 'nl-NL', 'Europe/Amsterdam', 'De heer', 'Mevrouw', '31', '0', '61',
        ['Amsterdam', 'Utrecht', 'Rotterdam', 'Groningen', 'Nijmegen', 'Haarlem', 'Zwolle', 'Arnhem'],
        ['1012 AB', '3511 AX', '3011 AD', '9711 LM', '6511 PP', '2011 RD', '8011 PK', '6811 KL']),
    (95, 5, 'ES', 'es-ES', 'Europe/Madrid', 'Señor', 'Señora', '34', '', '61',
        ['Madrid', 'Barcelona', 'Bilbao', 'Granada', 'Málaga', 'A Coruña', 'Logroño', 'Huesca'],
        ['28004', '08001', '48001', '18001', '29001', '15001', '26001', '22001'])
)
select
    slot, country, locale, split_part(locale, '-', 1) as language, time_zone, mister, madam, calling_code, trunk, mobile,
    cities, postcodes
from spoken, unnest(range(first_slot, first_slot + slots)) as t(slot);

-- Sixteen names of each kind and language: f and m first names, s surnames.
create temp table names as
with lists(language, kind, entries) as (
    values
    ('de', 'f', ['Anna', 'Käthe', 'Sabine', 'Jana', 'Lea', 'Ayşe', 'Ulrike', 'Heike', 'Mia', 'Johanna', 'Zoë', 'Renate', 'Marie-Luise', 'Elif', 'Greta', 'Birgit']),
    ('de', 'm', ['Jürgen', 'Björn', 'Lukas', 'Paul', 'Mehmet', 'Karl-Heinz', 'Felix', 'Jörg', 'Tobias', 'Emil', 'Günther', 'Ben', 'Matthias', 'Can', 'Stefan', 'Noah']),
    ('de', 's', ['Müller', 'Groß', 'Weiß', 'Schröder', 'Kaya', 'von der Heide', 'Becker', 'Nowak', 'Krüger', 'Lang', 'Strauß', 'Huber', 'Öztürk', 'Schäfer', 'Meyer-Lüdenscheid', 'Vogt']),
    ('fr', 'f', ['Élodie', 'Amélie', 'Chloé', 'Inès', 'Marie', 'Maëlle', 'Anne-Sophie', 'Fatou', 'Jeanne', 'Léa', 'Océane', 'Camille', 'Noémie', 'Aurélie', 'Louise', 'Yasmine']),
    ('fr', 'm', ['Benoît', 'Jérôme', 'Loïc', 'François', 'Hugo', 'Jean-Luc', 'Mamadou', 'Théo', 'Étienne', 'Rémi', 'Gaël', 'Antoine', 'Karim', 'Noël', 'Luc', 'Cédric']),
    ('fr', 's', ['Lefèvre', 'D''Angelo', 'Dupont', 'L''Hôte', 'Besançon', 'Martin', 'Diallo', 'Garçon', 'Moreau', 'de la Tour', 'Petit', 'Bénard', 'Rousseau', 'N''Diaye', 'Blanc', 'Girard']),
    ('en', 'f', ['Ann', 'Siobhán', 'Emily', 'Aisha', 'Charlotte', 'Zoe', 'Niamh', 'Grace', 'Priya', 'Megan', 'Mary-Jane', 'Olivia', 'Catrin', 'Isla', 'Ruth', 'Freya']),
    ('en', 'm', ['Oliver', 'Seán', 'Jack', 'Mohammed', 'Harry', 'Rhys', 'D''Arcy', 'George', 'Arjun', 'Callum', 'Thomas', 'Euan', 'Leo', 'Owen', 'Jude', 'Al']),
    ('en', 's', ['O''Brien', 'Smith', 'Patel', 'McDonald', 'Hughes', 'Taylor-Jones', 'Okafor', 'Evans', 'Khan', 'Wright', 'FitzGerald', 'Ng', 'Campbell', 'O''Neill', 'Brown', 'Walsh']),
    ('sv', 'f', ['Åsa', 'Linnéa', 'Märta', 'Elsa', 'Astrid', 'Saga', 'Ebba', 'Kajsa', 'Zahra', 'Frøya', 'Birgitta', 'Alva', 'Ida', 'Anna-Karin', 'Tuva', 'Wilma']),
    ('sv', 'm', ['Björn', 'Søren', 'Göran', 'Lars-Erik', 'Axel', 'Elias', 'Måns', 'Nils', 'Ali', 'Håkan', 'Vidar', 'Olle', 'Jonas', 'Anders', 'Sixten', 'Hugo']),
    ('sv', 's', ['Åkesson', 'Lindström', 'Sjöberg', 'Andersson', 'Østergård', 'Nyström', 'Berg', 'Hägglund', 'Holm', 'Karlsson', 'Öberg', 'Ek', 'Bäckström', 'Mårtensson', 'Dahl', 'af Ugglas']),
    ('nl', 'f', ['Sanne', 'Fleur', 'Noor', 'Maaike', 'Anouk', 'Renée', 'Fatima', 'Lotte', 'Marijke', 'Eva', 'Zoë', 'Tess', 'Femke', 'Ilse', 'Roos', 'Annelies']),
    ('nl', 'm', ['Daan', 'Sem', 'Jeroen', 'Ruben', 'Youssef', 'Thijs', 'Joost', 'Bram', 'Gijs', 'Pieter-Jan', 'Niels', 'Sander', 'Wouter', 'Finn', 'Maarten', 'Teun']),
    ('nl', 's', ['de Vries', 'van den Berg', '''t Hart', 'Jansen', 'Bakker', 'van ''t Hoff', 'Visser', 'El Idrissi', 'Smit', 'de Boer', 'Mulder', 'van Dijk', 'Bos', 'Vos', 'Kuipers', 'Brouwer']),
    ('es', 'f', ['María', 'Begoña', 'Lucía', 'Núria', 'Ana', 'Carmen', 'Ángela', 'Itziar', 'Elena', 'María José', 'Paula', 'Inés', 'Sofía', 'Rocío', 'Ainhoa', 'Lola']),
    ('es', 'm', ['José-María', 'Íñigo', 'Andrés', 'Álvaro', 'Pablo', 'Javier', 'Jordi', 'Ramón', 'Iker', 'Martín', 'Ángel', 'Luis', 'Óscar', 'Mateo', 'Nicolás', 'Hugo']),
    ('es', 's', ['García', 'Muñoz', 'Ibáñez', 'Peña', 'de la Fuente', 'Núñez', 'López', 'Etxeberria', 'Ruiz', 'Sánchez', 'Ortega', 'Puig i Ferrer', 'Vázquez', 'Martínez', 'Gil', 'Castaño'])
),
named as (
    select language, kind, generate_subscripts(entries, 1) - 1 as k, unnest(entries) as name from lists
)
select
    language, kind, k::integer as k, name,
    regexp_replace(
        replace(replace(replace(lower(strip_accents(name)), 'ß', 'ss'), 'ø', 'o'), 'ı', 'i'), '[^a-z]', '', 'g'
    ) as ascii_name
from named;

-- First names that are rare, and that software trips over.
create temp table rare_names as
select * from (
    values (0, 'محمد'), (1, 'נועה'), (2, 'Zoë 🌲'), (3, '🏔️'), (4, '李娜'), (5, 'Nguyễn'), (6, 'Ⓐnna'), (7, 'Ma' || chr(8203) || 'ria')
) as t(k, name);

create temp table broken_names as
select * from (
    values
    (0, 'Ann<script>alert(1)</script>'), (1, '{{ 7*7 }}'), (2, '{% raw %}'), (3, '<b>Bo</b>'), (4, '{{{s1}}}'),
    (5, '*|FNAME|*'), (6, '=HYPERLINK("https://example.com")'), (7, 'Max"; --')
) as t(k, name);

create temp table broken_emails as
select * from (
    values
    (0, 'none'), (1, 'jana@'), (2, '@example.com'), (3, 'jana.example.com'), (4, 'jana@@example.com'),
    (5, 'jana lang@example.org'), (6, 'jana@example'), (7, 'jana@example.com; leo@example.org'), (8, 'jana@exa_mple.com'),
    (9, 'mailto:')
) as t(k, email);
