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
    ('delayed_order', 'complaint', 'returning', 2, 0.020, 0.000),
    -- Fit and delivery answered at the basket spare the question; new people then order what they had wanted to.
    ('basket_answers', 'size_question', 'new', 0, 0.080, -0.020),
    ('basket_answers', 'size_question', 'new', 1, 0.080, -0.045),
    ('basket_answers', 'size_question', 'new', 2, 0.080, -0.045),
    ('basket_answers', 'size_question', 'returning', 0, 0.040, -0.005),
    ('basket_answers', 'size_question', 'returning', 1, 0.040, -0.015),
    ('basket_answers', 'size_question', 'returning', 2, 0.040, -0.015),
    ('basket_answers', 'ordered', 'new', 0, 0.180, 0.010),
    ('basket_answers', 'ordered', 'new', 1, 0.180, 0.030),
    ('basket_answers', 'ordered', 'new', 2, 0.180, 0.030),
    -- Who has bought before comes back to a basket without being told.
    ('basket_answers', 'ordered', 'returning', 0, 0.280, 0.000),
    ('basket_answers', 'ordered', 'returning', 1, 0.280, 0.000),
    ('basket_answers', 'ordered', 'returning', 2, 0.280, 0.000),
    -- How to send it back, and until when: fewer questions, more parcels in time. The day is what helps.
    ('easy_return', 'return_question', 'new', 0, 0.260, -0.050),
    ('easy_return', 'return_question', 'new', 1, 0.260, -0.120),
    ('easy_return', 'return_question', 'new', 2, 0.260, -0.120),
    ('easy_return', 'return_question', 'returning', 0, 0.160, -0.030),
    ('easy_return', 'return_question', 'returning', 1, 0.160, -0.070),
    ('easy_return', 'return_question', 'returning', 2, 0.160, -0.070),
    ('easy_return', 'return_done', 'new', 0, 0.550, 0.030),
    ('easy_return', 'return_done', 'new', 1, 0.550, 0.090),
    ('easy_return', 'return_done', 'new', 2, 0.550, 0.090),
    ('easy_return', 'return_done', 'returning', 0, 0.650, 0.020),
    ('easy_return', 'return_done', 'returning', 1, 0.650, 0.050),
    ('easy_return', 'return_done', 'returning', 2, 0.650, 0.050),
    -- To be told before it is used up spares running out, where it is said what.
    ('running_low', 'ran_out', 'new', 0, 0.200, -0.020),
    ('running_low', 'ran_out', 'new', 1, 0.200, -0.060),
    ('running_low', 'ran_out', 'new', 2, 0.200, -0.060),
    ('running_low', 'ran_out', 'returning', 0, 0.150, -0.020),
    ('running_low', 'ran_out', 'returning', 1, 0.150, -0.050),
    ('running_low', 'ran_out', 'returning', 2, 0.150, -0.050),
    ('running_low', 'reordered', 'new', 0, 0.100, 0.010),
    ('running_low', 'reordered', 'new', 1, 0.100, 0.030),
    ('running_low', 'reordered', 'new', 2, 0.100, 0.030),
    ('running_low', 'reordered', 'returning', 0, 0.180, 0.015),
    ('running_low', 'reordered', 'returning', 1, 0.180, 0.040),
    ('running_low', 'reordered', 'returning', 2, 0.180, 0.040),
    -- How to choose helps whatever was looked at: naming the two items adds nothing, so level 0 is enough.
    ('choosing_guide', 'choice_question', 'new', 0, 0.090, -0.035),
    ('choosing_guide', 'choice_question', 'new', 1, 0.090, -0.035),
    ('choosing_guide', 'choice_question', 'new', 2, 0.090, -0.035),
    ('choosing_guide', 'choice_question', 'returning', 0, 0.050, -0.015),
    ('choosing_guide', 'choice_question', 'returning', 1, 0.050, -0.015),
    ('choosing_guide', 'choice_question', 'returning', 2, 0.050, -0.015),
    ('choosing_guide', 'ordered', 'new', 0, 0.120, 0.015),
    ('choosing_guide', 'ordered', 'new', 1, 0.120, 0.015),
    ('choosing_guide', 'ordered', 'new', 2, 0.120, 0.015),
    ('choosing_guide', 'ordered', 'returning', 0, 0.160, 0.000),
    ('choosing_guide', 'ordered', 'returning', 1, 0.160, 0.000),
    ('choosing_guide', 'ordered', 'returning', 2, 0.160, 0.000);

-- With the help at a level, an outcome happens to a person where draw < base_share + responsiveness * effect_share; without it,
-- where draw < base_share. A bot answers to nothing: its responsiveness is 0.
insert into planted_people
select
    customer_id, people, if(is_bot, 0, 0.5 + draw(n, 'responsiveness')), is_bot, draw(n, 'truth: care contact'),
    draw(n, 'truth: where is my order'), draw(n, 'truth: ordered again'), draw(n, 'truth: complaint'),
    draw(n, 'truth: size question'), draw(n, 'truth: ordered'), draw(n, 'truth: return question'), draw(n, 'truth: return done'),
    draw(n, 'truth: ran out'), draw(n, 'truth: reordered'), draw(n, 'truth: choice question')
from people
order by n;
