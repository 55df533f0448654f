"""Fourteen households, and what becomes of them: each derived by hand from the rows of the warehouse.

All of it is as of 2017-10-30 10:00 UTC, a Monday, or a week later. What the derivations use again and again:

- A score is 1 / (1 + e^-x).
- What runs low: x = -1.5 + 2 * 2^(-age / 4 days) + 0.04 * days bought; said from 0.38 on. It is due the usual gap (the median,
  rounded up) after the last purchase; the age counts from midnight of that day, and after 7 days it is over.
- Coupons: x = -0.2 - 0.1 * days left + 0.1 * days bought since May 2 (26 weeks), and 1 for who has used any; from 0.4 on.
  Campaign 16 (type B) ends on Sunday, November 5, 14 (type C) on Wednesday, November 8: 6 and 9 days left.
- What is missed: x = -2 + 2 * 2^(-age / 60 days) + 0.05 * days bought + 0.02 * visits without it; from 0.45 on. The age counts
  from midnight of the last purchase; that is 42 days ago at least, and more than three usual gaps.
- Habits are fresh for 35 days.
- Held out globally is who draws less than 0.05: the first 13 digits of SHA-256("complete-journey/global_holdout:<id>") / 2^52.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.complete_journey.recount import A_WEEK_LATER, DAY


@dataclass(frozen=True)
class Fate:
    """What becomes of a household on a day.

    Attributes:
        household: its id.
        now: which run.
        helps: what is considered: product and subject -> score and reason.
        ways: what is wanted: target -> the facts that it shows, or why it does not leave.
        says: what leaves: target -> subject and first lines of the text; body; or headline and body.
    """

    household: int
    now: str
    helps: dict[str, tuple[float, str | None]]
    ways: dict[str, str] = field(default_factory=dict)
    says: dict[str, tuple[str, ...]] = field(default_factory=dict)


FATES = {
    # James. Creamer: 19 days, the last on 10-15 ($3.25). The 18 gaps in order: 6 6 8 8 9 9 12 13 [13 14] 15 18 20 21
    #   21 29 29 34; the middle is 13.5, rounded up 14: due on 10-29, 34 hours ago. x = -1.5 + 2 * 2^(-1.417/4) + 0.76
    #   = -1.5 + 1.565 + 0.76 = 0.825 -> 0.695.
    # Shampoo: 05-21 06-06 06-18 08-26 09-16 10-29 (04-30 is too long ago); never used a coupon. x = -0.2 - 0.6 + 0.6 =
    #   -0.2 -> 0.450.
    # Canned fish: 9 days, the middle of 8 gaps 14, the last on 08-06, 85 days and 10 hours ago, 9 visits since. x = -2
    #   + 2 * 2^(-85.42/60) + 0.45 + 0.18 = -2 + 0.746 + 0.63 = -0.624 -> 0.349: too little.
    # A yes to e-mail and web; the snooze of August is over; his number is on the list, but e-mail comes first.
    "what_runs_low_wins": Fate(
        household=1388,
        now=DAY,
        helps={
            "running_low creamer": (0.695, None),
            "coupon_ending 16/shampoo": (0.450, "OUTRANKED"),
            "missed_category canned_fish": (0.349, "BELOW_THRESHOLD"),
        },
        ways={"email_file": "my_habits name", "web_profiles": "my_habits name"},
        says={
            "email_file": (
                "Enough coffee creamer at home?",
                "Hello James,",
                "By your usual rhythm, every 2 weeks or so, it is time for coffee creamer again.",
            ),
            "web_profiles": (
                "Enough coffee creamer at home?",
                (
                    "James, what you buy regularly may be about to run low. "
                    "Put it on your list, and it is there when you stand in the aisle."
                ),
            ),
        },
    ),
    # Mark. Shampoo: 05-27 06-02 06-27 07-07 07-21 08-07 08-26 09-01 09-13 10-06, one coupon of campaign 16; on 09-13
    #   he used one of campaign 13. x = -0.2 - 0.6 + 1.0 + 1 = 1.2 -> 0.769. Every 26 / 10 = 2.6 weeks.
    # Canned cat food: 25 days, the middle of 24 gaps between 10 and 12, the last on 10-18: due on 10-29. x = -1.5 +
    #   1.565 + 1.0 = 1.065 -> 0.744.
    # Laundry detergent: 10 days, the middle of 9 gaps 14, the last on 09-01, visits on 09-13 09-29 10-06 10-18. x = -2
    #   + 2 * 2^(-59.42/60) + 0.5 + 0.08 = -2 + 1.007 + 0.58 = -0.413 -> 0.398.
    # He agreed to e-mail only; his yes to everything comes on 11-03.
    "a_coupon_wins_by_a_hair": Fate(
        household=2134,
        now=DAY,
        helps={
            "coupon_ending 16/shampoo": (0.769, None),
            "running_low canned_cat_food": (0.744, "OUTRANKED"),
            "missed_category laundry_detergent": (0.398, "BELOW_THRESHOLD"),
        },
        ways={"email_file": "my_coupons name my_habits", "web_profiles": "NO_CONSENT"},
        says={
            "email_file": (
                "Your coupon for shampoo and hair care ends on November 5",
                "Hello Mark,",
                "We sent you a coupon for shampoo and hair care. It still waits to be used, until Sunday, November 5.",
                "You buy some every 3 weeks or so. If the next time can come a little sooner, the coupon pays a part of it.",
            ),
        },
    ),
    # Richard. Lunch meat: 16 days, the middle of 15 gaps 11, the last on 09-12 at 21:42 in Cincinnati (09-13 in UTC),
    #   29 visits since. x = -2 + 2 * 2^(-48.42/60) + 0.8 + 0.58 = -2 + 1.143 + 1.38 = 0.523 -> 0.628.
    # Salad: 12 days, the middle of 11 gaps 13, the last on 08-23, 41 visits. x = -2 + 0.907 + 0.6 + 0.82 = 0.327 ->
    #   0.581.
    # Grated cheese: 02-10 03-18 05-25 06-13 09-02 09-23, gaps 36 68 19 81 21: 36, due on 10-29. x = -1.5 + 1.565 +
    #   0.24 = 0.305 -> 0.576.
    # Toothpaste: 07-12 07-29 08-11 09-20, two coupons of campaign 16. x = -0.2 - 0.6 + 0.4 = -0.4 -> 0.401.
    # He agreed to e-mail only; the number that he gave, 71655, is none.
    "a_missed_category_wins": Fate(
        household=1835,
        now=DAY,
        helps={
            "missed_category lunch_meat": (0.628, None),
            "missed_category salad": (0.581, "OUTRANKED"),
            "running_low grated_cheese": (0.576, "OUTRANKED"),
            "coupon_ending 16/toothpaste": (0.401, "OUTRANKED"),
        },
        ways={"email_file": "my_habits name", "web_profiles": "NO_CONSENT"},
        says={
            "email_file": (
                "Looking for lunch meat?",
                "Hello Richard,",
                (
                    "For a while lunch meat went into your basket every 2 weeks or so, and lately no more. "
                    "If that is how you want it, all is well."
                ),
            ),
        },
    ),
    # Carly. Shampoo: 06-21 08-01 10-02; of campaign 16 she used the coupon for frozen dinners or pizza on 10-10, not
    #   this one. x = -0.2 - 0.6 + 0.3 + 1 = 0.5 -> 0.622.
    # She agreed to e-mail and SMS and gave no e-mail address. A text message names neither her nor how often she buys
    #   some.
    "a_coupon_by_text_message": Fate(
        household=1488,
        now=DAY,
        helps={"coupon_ending 16/shampoo": (0.622, None)},
        ways={"sms_file": "my_coupons", "web_profiles": "NO_CONSENT"},
        says={
            "sms_file": (
                (
                    "Fairfield Market: Your coupon for shampoo and hair care ends on November 5. See: "
                    "https://www.fairfield.example.com/coupons Reply STOP to end"
                ),
            ),
        },
    ),
    # Renee. Toothpaste: 05-27 06-20 08-19 08-23, two coupons of campaign 16. x = -0.2 - 0.6 + 0.4 = -0.4 -> 0.401:
    #   just enough.
    # The last was 67 days ago (08-24 in UTC): a habit of which so little is known is not spoken of, the coupons are.
    "habits_that_are_old_are_not_spoken_of": Fate(
        household=205,
        now=DAY,
        helps={"coupon_ending 16/toothpaste": (0.401, None)},
        ways={"email_file": "my_coupons name", "web_profiles": "NO_CONSENT"},
        says={
            "email_file": (
                "Your 2 coupons for toothpaste and brushes end on November 5",
                "Hello Renee,",
                "We sent you 2 coupons for toothpaste and brushes. They still wait to be used, until Sunday, November 5.",
            ),
        },
    ),
    # Lynn. Toothpaste: 06-04 08-03 10-21, two coupons of campaign 16. x = -0.2 - 0.6 + 0.3 = -0.5 -> 0.378: less than
    #   0.4. She draws 0.0237, but who gets nothing anyhow is not held out.
    "too_little_for_a_message": Fate(
        household=842,
        now=DAY,
        helps={"coupon_ending 16/toothpaste": (0.378, "BELOW_THRESHOLD")},
    ),
    # Lynn, a week later. Toilet paper: 17 days, the middle of 16 gaps 12, the last on 10-21: due on 11-02, 4 days and
    #   10 hours ago. x = -1.5 + 2 * 2^(-4.417/4) + 0.68 = -1.5 + 0.930 + 0.68 = 0.110 -> 0.528. Now the draw counts.
    #   The toothpaste's coupons ended yesterday.
    "held_out_once_there_is_something": Fate(
        household=842,
        now=A_WEEK_LATER,
        helps={"running_low toilet_paper": (0.528, "HOLDOUT")},
    ),
    # Daniel. Chilled juice: 18 days, the middle of 17 gaps 6, the last on 08-06, 12 visits since. x = -2 + 2 *
    #   2^(-85.42/60) + 0.9 + 0.24 = -2 + 0.746 + 1.14 = -0.114 -> 0.471.
    # A yes to SMS and web, a good number; but he draws 0.0471: nothing, not on the web either.
    "held_out": Fate(
        household=2215,
        now=DAY,
        helps={"missed_category chilled_juice": (0.471, "HOLDOUT")},
    ),
    # Daniel, a week later: treated as if he had been told. Chilled juice: 92.42 days, 14 visits. x = -2 + 0.688 + 0.9
    #   + 0.28 = -0.132 -> 0.467: once in 42 days.
    # Eggs: 04-07 05-22 07-09 07-14 07-28 09-21, the middle gap 45, due on 11-05. x = -1.5 + 1.565 + 0.24 = 0.305 ->
    #   0.576.
    "held_out_a_week_later_as_if_told": Fate(
        household=2215,
        now=A_WEEK_LATER,
        helps={
            "missed_category chilled_juice": (0.467, "REPEATED"),
            "running_low eggs": (0.576, "HOLDOUT"),
        },
    ),
    # A household without a first name. Yogurt: 24 days (the line of 03-07 has the quantity 0: no purchase, or the gap
    #   of 37 were 9 and 28), the middle of 23 gaps 8, the last on 10-22: due today, 10 hours ago. x = -1.5 + 2 *
    #   2^(-0.417/4) + 0.96 = -1.5 + 1.861 + 0.96 = 1.321 -> 0.789.
    # They agreed to e-mail and web in February, and left everything on 06-10.
    "no_consent": Fate(
        household=761,
        now=DAY,
        helps={"running_low yogurt": (0.789, "NO_CONSENT")},
    ),
    # Lindsey. Grated cheese: 11 days, the middle of 10 gaps between 12 and 15: 14, the last on 10-16: due today. x =
    #   -1.5 + 1.861 + 0.44 = 0.801 -> 0.690. She asked on 10-04 for a pause until 11-03, on all channels.
    "not_during_a_pause": Fate(
        household=1205,
        now=DAY,
        helps={"running_low grated_cheese": (0.690, "NO_CONSENT")},
    ),
    # Lindsey, a week later. Toilet paper: 9 days, the middle of 8 gaps between 13 and 14: 14, the last on 10-20: due
    #   on 11-03, 82 hours ago. x = -1.5 + 2 * 2^(-3.417/4) + 0.36 = -1.5 + 1.106 + 0.36 = -0.034 -> 0.492.
    # The cheese is over since midnight, 7 days after 10-30. x = -1.5 + 2 * 2^(-7.417/4) + 0.44 = -1.5 + 0.553 + 0.44 =
    #   -0.507 -> 0.376.
    # Her yes to e-mails of any topic holds again; of the web she said nothing.
    "spoken_to_after_the_pause": Fate(
        household=1205,
        now=A_WEEK_LATER,
        helps={
            "running_low toilet_paper": (0.492, None),
            "running_low grated_cheese": (0.376, "STALE_CONTEXT"),
        },
        ways={"email_file": "my_habits name", "web_profiles": "NO_CONSENT"},
        says={
            "email_file": (
                "Enough toilet paper at home?",
                "Hello Lindsey,",
                "By your usual rhythm, every 2 weeks or so, it is time for toilet paper again.",
            ),
        },
    ),
    # Paul. Eggs: 15 days, the middle of 14 gaps between 14 and 15: 15, the last on 10-15: due today. x = -1.5 + 1.861
    #   + 0.6 = 0.961 -> 0.723. He agreed to e-mail and gave no address, gave a number and did not agree to SMS. The
    #   web only goes along: nothing.
    "unreachable_though_the_web_is_open": Fate(
        household=95,
        now=DAY,
        helps={"running_low eggs": (0.723, "UNREACHABLE")},
    ),
    # Christopher. Bread: 23 days, the middle of 22 gaps between 6 and 7, the last on 08-05, 14 visits since. x = -2 +
    #   2 * 2^(-86.42/60) + 1.15 + 0.28 = -2 + 0.737 + 1.43 = 0.167 -> 0.542.
    # Frozen potatoes: 10 days, the middle of 9 gaps 10, the last on 09-15, 7 visits. x = -2 + 1.183 + 0.5 + 0.14 =
    #   -0.177 -> 0.456.
    # He agreed to everything; but his address bounced on 05-01, and his number complained on 05-02.
    "on_the_lists_of_both_ways": Fate(
        household=1263,
        now=DAY,
        helps={
            "missed_category bread": (0.542, "SUPPRESSED"),
            "missed_category frozen_potatoes": (0.456, "SUPPRESSED"),
        },
    ),
    # Angela, who has the address of the next one in this list. Pasta: 11 days, the middle of 10 gaps 7, the last on
    #   10-21: due on 10-28, 58 hours ago. x = -1.5 + 2 * 2^(-2.417/4) + 0.44 = -1.5 + 1.316 + 0.44 = 0.256 -> 0.564,
    #   less than his 0.668.
    # She agreed to SMS as well, but there is no second choice; her own profile on the web says it.
    "robbed_of_the_shared_address": Fate(
        household=1948,
        now=DAY,
        helps={"running_low pasta": (0.564, None)},
        ways={"email_file": "DUPLICATE_ADDRESS", "web_profiles": "my_habits name"},
        says={
            "web_profiles": (
                "Enough pasta at home?",
                (
                    "Angela, what you buy regularly may be about to run low. "
                    "Put it on your list, and it is there when you stand in the aisle."
                ),
            ),
        },
    ),
    # Richard. Toothpaste: 05-11 06-05 07-14 09-01 10-23, every 5.2 weeks, two coupons of campaign 16; on 06-30 he used
    #   two of campaign 9. x = -0.2 - 0.6 + 0.5 + 1 = 0.7 -> 0.668.
    # Paper towels: 15 days, the middle of 14 gaps between 20 and 21: 21, the last on 10-06: due on 10-27, 82 hours
    #   ago. x = -1.5 + 1.106 + 0.6 = 0.206 -> 0.551.
    # Juice: 13 days, gap 17, the last on 09-01, 8 visits. x = -2 + 1.007 + 0.65 + 0.16 = -0.183 -> 0.454. Tomatoes (11
    #   days, 08-23, 9 visits), dressing (9, 08-23, 9) and berries (9, 07-14, 16): x = -0.363, -0.463, -0.658.
    # He left everything in June, and came back in July.
    "first_at_the_shared_address": Fate(
        household=1947,
        now=DAY,
        helps={
            "coupon_ending 16/toothpaste": (0.668, None),
            "running_low paper_towels": (0.551, "OUTRANKED"),
            "missed_category juice": (0.454, "OUTRANKED"),
            "missed_category tomatoes": (0.410, "BELOW_THRESHOLD"),
            "missed_category dressing": (0.386, "BELOW_THRESHOLD"),
            "missed_category berries": (0.341, "BELOW_THRESHOLD"),
        },
        ways={"email_file": "my_coupons name my_habits", "web_profiles": "my_coupons name"},
        says={
            "email_file": (
                "Your 2 coupons for toothpaste and brushes end on November 5",
                "Hello Richard,",
                "We sent you 2 coupons for toothpaste and brushes. They still wait to be used, until Sunday, November 5.",
                "You buy some every 5 weeks or so. If the next time can come a little sooner, the coupon pays a part of it.",
            ),
            "web_profiles": (
                "2 coupons for toothpaste and brushes, until November 5",
                "Richard, what we sent you still waits to be used. Take it along when you need some anyway; if not, let it end.",
            ),
        },
    ),
    # Lisa. Cheese: 17 days, the middle of 16 gaps between 9 and 11: 10, the last on 09-15, 45 days ago, 10 visits
    #   since. x = -2 + 2 * 2^(-45.42/60) + 0.85 + 0.2 = -2 + 1.183 + 1.05 = 0.233 -> 0.558. Every 10 days is about
    #   once a week.
    # Chilled juice: 8 days, the middle of 7 gaps 13, the last on 08-25, 17 visits. x = -2 + 0.929 + 0.4 + 0.34 =
    #   -0.331 -> 0.418.
    "asked_about_one_category": Fate(
        household=1692,
        now=DAY,
        helps={
            "missed_category cheese": (0.558, None),
            "missed_category chilled_juice": (0.418, "BELOW_THRESHOLD"),
        },
        ways={"email_file": "my_habits name", "web_profiles": "my_habits name"},
        says={
            "email_file": (
                "Looking for cheese?",
                "Hello Lisa,",
                (
                    "For a while cheese went into your basket about once a week, and lately no more. "
                    "If that is how you want it, all is well."
                ),
            ),
            "web_profiles": (
                "Looking for cheese?",
                "Lisa, shelves move, and things sell out. See where it is in your store today, and what comes close.",
            ),
        },
    ),
    # Lisa, a week later: on 11-03 she bought cheese ($4.59). Chilled juice: 73.42 days, 19 visits. x = -2 + 0.856 +
    #   0.4 + 0.38 = -0.364 -> 0.410: another category, but a person is asked about one in 42 days.
    "not_asked_about_another_a_week_later": Fate(
        household=1692,
        now=A_WEEK_LATER,
        helps={"missed_category chilled_juice": (0.410, "REPEATED")},
    ),
    # Richard. Dressing: 06-01 07-06 08-04 08-14 09-29 10-05; pasta sauce: 05-04 06-01 07-06 09-07 09-22 10-05; two
    #   coupons and one of campaign 14; on 09-22 he used two of campaign 13. Both x = -0.2 - 0.9 + 0.6 + 1 = 0.5 ->
    #   0.622: the alphabet decides.
    "a_tie_of_coupons": Fate(
        household=1590,
        now=DAY,
        helps={
            "coupon_ending 14/dressing": (0.622, None),
            "coupon_ending 14/pasta_sauce": (0.622, "OUTRANKED"),
        },
        ways={"email_file": "my_coupons name my_habits", "web_profiles": "my_coupons name"},
        says={
            "email_file": (
                "Your 2 coupons for salad dressing end on November 8",
                "Hello Richard,",
                "We sent you 2 coupons for salad dressing. They still wait to be used, until Wednesday, November 8.",
                "You buy some every 4 weeks or so. If the next time can come a little sooner, the coupon pays a part of it.",
            ),
            "web_profiles": (
                "2 coupons for salad dressing, until November 8",
                "Richard, what we sent you still waits to be used. Take it along when you need some anyway; if not, let it end.",
            ),
        },
    ),
    # Richard, a week later, with two days left. On 11-02 he bought both, without a coupon. Dressing: 7 days. x = -0.2
    #   - 0.2 + 0.7 + 1 = 1.3 -> 0.786, but it was told a week ago. Pasta sauce: 6 days (05-04 is too long ago by now).
    #   x = 1.2 -> 0.769.
    # Cereal: 17 days, the middle of 16 gaps 14, the last on 10-19: due on 11-02. x = -1.5 + 0.930 + 0.68 = 0.110 ->
    #   0.528.
    "the_other_coupon_a_week_later": Fate(
        household=1590,
        now=A_WEEK_LATER,
        helps={
            "coupon_ending 14/dressing": (0.786, "REPEATED"),
            "coupon_ending 14/pasta_sauce": (0.769, None),
            "running_low cereal": (0.528, "OUTRANKED"),
        },
        ways={"email_file": "my_coupons name my_habits", "web_profiles": "my_coupons name"},
        says={
            "email_file": (
                "Your coupon for pasta sauce ends on November 8",
                "Hello Richard,",
                "We sent you a coupon for pasta sauce. It still waits to be used, until Wednesday, November 8.",
                "You buy some every 4 weeks or so. If the next time can come a little sooner, the coupon pays a part of it.",
            ),
            "web_profiles": (
                "A coupon for pasta sauce, until November 8",
                "Richard, what we sent you still waits to be used. Take it along when you need some anyway; if not, let it end.",
            ),
        },
    ),
}
