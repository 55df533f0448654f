SELECT customer_id AS person FROM barred
