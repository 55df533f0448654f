"""The small warehouse that random queries read: tables, views, macros, and their catalogue."""

KINDS = {"text": "VARCHAR", "number": "BIGINT", "struct": "STRUCT(street VARCHAR, floor BIGINT)", "list": "VARCHAR[]"}
TABLES = {
    "people": {
        "customer_id": "key",
        "brand": "brand",
        "first_name": "text",
        "age_band": "number",
        "city": "text",
        "address": "struct",
        "traits": "text",
    },
    "orders": {"order_id": "text", "customer_id": "key", "item_id": "text", "total": "number", "day": "number"},
    "visits": {"visit_id": "text", "customer_id": "key", "page": "text", "times": "number", "tags": "list"},
    "items": {"item_id": "text", "title": "text", "kind": "text", "rank": "number"},
    "labels": {"code": "number", "label": "text"},
}
UNIQUE = {"people": "customer_id", "orders": "order_id", "visits": "visit_id", "items": "item_id", "labels": "code"}
VIEWS = {
    "grown": "SELECT customer_id, brand, first_name FROM people WHERE age_band > 1",
    "bought": "SELECT o.customer_id, o.order_id, o.total, i.title FROM orders AS o INNER JOIN items AS i USING (item_id)",
    "dear": "SELECT customer_id, order_id, title FROM bought WHERE total > 2",
}
SEEN_IN_VIEWS = {
    "grown": {"customer_id": "key", "brand": "brand", "first_name": "text"},
    "bought": {"customer_id": "key", "order_id": "text", "total": "number", "title": "text"},
    "dear": {"customer_id": "key", "order_id": "text", "title": "text"},
}
UNIQUE_IN_VIEWS = {"grown": "customer_id", "bought": "order_id", "dear": "order_id"}
MACROS = {
    "either": (("a", "b"), "CASE WHEN a > 2 THEN 'much' ELSE b END"),
    "orders_of": (("who",), "(SELECT count(*) FROM orders AS m WHERE m.customer_id = who)"),
    "label_for": (("n",), "(SELECT max(m.label) FROM labels AS m WHERE m.code = n % 5)"),
}
CATALOGUE = """
tables:
  people: {person: customer_id}
  orders: {person: customer_id}
  visits: {person: customer_id}
  grown:  {person: customer_id}
  bought: {person: customer_id}
  dear:   {person: customer_id}
  items:  {personal: false}
  labels: {personal: false}
dimensions:
  name:       {my: my name, columns: [people.first_name], known: declared}
  age:        {my: my age, columns: [people.age_band], known: declared}
  home:       {my: my home, columns: [people.city, people.address], known: declared}
  traits:     {my: my traits, columns: [people.traits], known: inferred}
  last_order: {my: my last order, columns: [orders.*], known: observed}
  pages:      {my: my visits, columns: [visits.*], known: observed}
"""
CUSTOMERS = "SELECT customer_id, brand, brand AS country FROM people"
