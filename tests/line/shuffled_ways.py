"""Ways in which SQL lets a field depend on something that it does not declare, each beside an honest twin of the same syntax.

Of `n` (needs: what has been bought), `p` (people), `l` (loyalty) and `visits`; every field declares `last_order` alone, which is
`needs`. In a way the field depends on another dimension, in its twin on `last_order`.
"""

from __future__ import annotations

_OF = "{0}.customer_id = n.customer_id AND {0}.brand = n.brand"
_V, _M = _OF.format("v"), _OF.format("m")

# way -> the dimension that it gives away, the field, its honest twin
WAYS: dict[str, tuple[str, str, str]] = {
    "composed_columns": ("membership", "n.item || ' ' || l.tier", "n.item || ' ' || n.interest"),
    "look_up_by_a_personal_key": (
        "membership",
        "(SELECT says FROM (VALUES ('gold', 'dear'), ('blue', 'new')) t (tier, says) WHERE t.tier = l.tier)",
        "(SELECT says FROM (VALUES ('tent', 'dear'), ('rope', 'new')) t (item, says) WHERE t.item = n.item)",
    ),
    "look_up_of_an_item": (
        "membership",
        "(SELECT i.name FROM items AS i WHERE i.place = l.points % 3)",
        "(SELECT i.name FROM items AS i WHERE i.place = length(n.item) % 3)",
    ),
    "case_that_yields_a_sentence": (
        "membership",
        "CASE WHEN l.points > 500 THEN 'you have many' ELSE 'you have few' END",
        "CASE WHEN n.interest > 3.5 THEN 'you have many' ELSE 'you have few' END",
    ),
    "union_arm": (
        "membership",
        (
            "(SELECT said FROM (SELECT customer_id, brand, 'over' AS said FROM loyalty WHERE points > 500 UNION ALL "
            f"SELECT customer_id, brand, 'under' FROM loyalty WHERE points <= 500) AS m WHERE {_M})"
        ),
        (
            "(SELECT said FROM (SELECT customer_id, brand, 'over' AS said FROM needs WHERE interest > 3.5 UNION ALL "
            f"SELECT customer_id, brand, 'under' FROM needs WHERE interest <= 3.5) AS m WHERE {_M})"
        ),
    ),
    "list_packing": ("membership", "[n.item, l.tier]", "[n.item, n.item]"),
    "struct_packing": ("membership", "{'a': n.item, 'b': l.tier}", "{'a': n.item, 'b': n.interest}"),
    "row_as_text": ("membership", "l::varchar", "n::varchar"),
    "json_access": (
        "membership",
        "json_extract_string(l.extras, '$.city')",
        "json_extract_string(to_json(n), '$.item')",
    ),
    "hash": ("membership", "md5(n.item || l.tier)", "md5(n.item || n.interest)"),
    "string_slice": (
        "membership",
        "substr('abcdefgh', l.points % 8 + 1, 1)",
        "substr('abcdefgh', length(n.item) % 8 + 1, 1)",
    ),
    "string_building": ("membership", "chr((65 + l.points % 26)::int)", "chr((65 + length(n.item) % 26)::int)"),
    "format": ("membership", "format('{}', l.tier)", "format('{}', n.item)"),
    "lambda": (
        "membership",
        "list_filter([100, 400, 700], lambda x: x < l.points)",
        "list_filter([1, 3, 5], lambda x: x < n.interest)",
    ),
    "greatest": ("membership", "greatest(l.points, n.interest)", "greatest(3, n.interest)"),
    "nulls_filled": (
        "membership",
        "coalesce(nullif(l.tier, 'gold'), n.item)",
        "coalesce(nullif(n.item, 'tent'), 'none')",
    ),
    "null_or_not": ("membership", "l.tier IS NULL", "n.item IS NULL"),
    "rare_value": ("membership", "l.tier = 'platinum'", "n.item = 'platinum'"),
    "macro": ("membership", "many(l.points)", "many(n.interest)"),
    "view": (
        "membership",
        f"(SELECT any_value(m.tier) FROM best AS m WHERE {_M})",
        f"(SELECT any_value(m.item) FROM wanted AS m WHERE {_M})",
    ),
    "existence_of_a_row": (
        "visits",
        "EXISTS (SELECT 1 FROM visits AS v WHERE v.customer_id = n.customer_id)",
        "EXISTS (SELECT 1 FROM needs AS v WHERE v.customer_id = n.customer_id AND v.item = 'tent')",
    ),
    "existence_of_a_row_each_has": (
        "membership",
        f"EXISTS (SELECT 1 FROM loyalty AS m WHERE {_M})",
        f"EXISTS (SELECT 1 FROM needs AS m WHERE {_M})",
    ),
    "not_in": (
        "visits",
        "n.customer_id NOT IN (SELECT customer_id FROM visits WHERE page = 'care')",
        "n.customer_id NOT IN (SELECT customer_id FROM needs WHERE item = 'tent')",
    ),
    "set_operation": (
        "visits",
        "n.customer_id IN (SELECT customer_id FROM needs EXCEPT SELECT customer_id FROM visits WHERE page = 'care')",
        "n.customer_id IN (SELECT customer_id FROM needs EXCEPT SELECT customer_id FROM needs WHERE item = 'tent')",
    ),
    "count_of_rows": (
        "visits",
        f"(SELECT count(*) FROM visits AS v WHERE {_V})",
        f"(SELECT count(*) FROM needs AS v WHERE {_V})",
    ),
    "filter_of_an_aggregate": (
        "visits",
        f"(SELECT count(*) FILTER (WHERE v.page = 'care') FROM visits AS v WHERE {_V})",
        f"(SELECT count(*) FILTER (WHERE v.item = 'tent') FROM needs AS v WHERE {_V})",
    ),
    "order_in_an_aggregate": (
        "visits",
        f"(SELECT string_agg(v.page, ',' ORDER BY v.seen_at, v.page) FROM visits AS v WHERE {_V})",
        f"(SELECT string_agg(v.item, ',' ORDER BY v.since_at, v.item) FROM needs AS v WHERE {_V})",
    ),
    "arg_max": (
        "visits",
        f"(SELECT arg_max(v.page, (v.seen_at, v.page)) FROM visits AS v WHERE {_V})",
        f"(SELECT arg_max(v.item, (v.since_at, v.item)) FROM needs AS v WHERE {_V})",
    ),
    "window_rank": (
        "visits",
        (
            "(SELECT v.page FROM (SELECT *, rank() OVER (PARTITION BY customer_id, brand ORDER BY seen_at DESC, page) AS r "
            f"FROM visits) AS v WHERE {_V} AND v.r = 1)"
        ),
        (
            "(SELECT v.item FROM (SELECT *, rank() OVER (PARTITION BY customer_id, brand ORDER BY since_at DESC, item) AS r "
            f"FROM needs) AS v WHERE {_V} AND v.r = 1)"
        ),
    ),
    "having": (
        "visits",
        f"(SELECT 'many' FROM visits AS v WHERE {_V} GROUP BY v.customer_id HAVING count(*) > 2)",
        f"(SELECT 'many' FROM needs AS v WHERE {_V} GROUP BY v.customer_id HAVING count(*) > 0)",
    ),
    "distinct": (
        "visits",
        f"(SELECT count(DISTINCT v.page) FROM visits AS v WHERE {_V})",
        f"(SELECT count(DISTINCT v.item) FROM needs AS v WHERE {_V})",
    ),
    "two_records_that_agree": (
        "visits",
        f"EXISTS (SELECT 1 FROM visits AS v JOIN items AS i ON v.page = i.name WHERE {_V} AND i.name = n.item)",
        "EXISTS (SELECT 1 FROM items AS i WHERE i.name = n.item)",
    ),
    "part_of_a_date": ("age", "date_part('year', p.birth_on)::int // 10", "date_part('year', n.since_at)::int // 10"),
    "row_of_a_star": (
        "age",
        f"(SELECT md5(m::varchar) FROM (SELECT * EXCLUDE (first_name) FROM people) AS m WHERE {_M})",
        f"(SELECT md5(m::varchar) FROM (SELECT * EXCLUDE (since_at) FROM needs) AS m WHERE {_M})",
    ),
}


def statement(names: tuple[str, ...]) -> str:
    """A segment with these ways and their twins as fields."""
    fields = [f"{WAYS[name][1]} AS {name},\n{WAYS[name][2]} AS {name}_twin" for name in names]
    return (
        "SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest,\n"
        + ",\n".join(fields)
        + "\nFROM needs AS n JOIN people AS p USING (customer_id, brand) LEFT JOIN loyalty AS l USING (customer_id, brand)"
    )
