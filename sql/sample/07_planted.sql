-- The truth about what each help changes. README.md says how to read it; no product and no segment may.

insert into planted_effects
values
    -- The care guide spares new owners a question; naming the item helps more, the name on top of it nothing.
    ('care_guide', 'care_contact', 'new', 0, 0.120, -0.030),
    ('care_guide', 'care_contact', 'new', 1, 0.120, -0.050),
    ('care_guide', 'care_contact', 'new', 2, 0.120, -0.050),
    -- Who has owned kit before hardly needs it.
    ('care_guide', 'care_contact', 'returning', 0, 0.050, -0.005),
    ('care_guide', 'care_contact', 'returning', 1, 0.050, -0.010),
    ('care_guide', 'care_contact', 'returning', 2, 0.050, -0.010),
    -- It brings a few new owners back, and nobody else.
    ('care_guide', 'ordered_again', 'new', 0, 0.040, 0.004),
    ('care_guide', 'ordered_again', 'new', 1, 0.040, 0.006),
    ('care_guide', 'ordered_again', 'new', 2, 0.040, 0.006),
    ('care_guide', 'ordered_again', 'returning', 0, 0.070, 0.000),
    ('care_guide', 'ordered_again', 'returning', 1, 0.070, 0.000),
    ('care_guide', 'ordered_again', 'returning', 2, 0.070, 0.000),
    -- To hear of a delay first spares the question where the order is, the more so when the order is named.
    ('delayed_order', 'where_is_my_order', 'new', 0, 0.400, -0.080),
    ('delayed_order', 'where_is_my_order', 'new', 1, 0.400, -0.180),
    ('delayed_order', 'where_is_my_order', 'new', 2, 0.400, -0.180),
    ('delayed_order', 'where_is_my_order', 'returning', 0, 0.300, -0.060),
    ('delayed_order', 'where_is_my_order', 'returning', 1, 0.300, -0.140),
    ('delayed_order', 'where_is_my_order', 'returning', 2, 0.300, -0.140),
    -- It does not change whether people complain. A readout that finds an effect here is wrong.
    ('delayed_order', 'complaint', 'new', 0, 0.030, 0.000),
    ('delayed_order', 'complaint', 'new', 1, 0.030, 0.000),
    ('delayed_order', 'complaint', 'new', 2, 0.030, 0.000),
    ('delayed_order', 'complaint', 'returning', 0, 0.020, 0.000),
    ('delayed_order', 'complaint', 'returning', 1, 0.020, 0.000),
    ('delayed_order', 'complaint', 'returning', 2, 0.020, 0.000);

-- With the help at a level, an outcome happens to a person where draw < base_share + responsiveness * effect_share; without it,
-- where draw < base_share. A bot answers to nothing: its responsiveness is 0.
insert into planted_people
select
    customer_id, people, if(is_bot, 0, 0.5 + draw(n, 'responsiveness')), is_bot, draw(n, 'truth: care contact'),
    draw(n, 'truth: where is my order'), draw(n, 'truth: ordered again'), draw(n, 'truth: complaint')
from people
order by n;
