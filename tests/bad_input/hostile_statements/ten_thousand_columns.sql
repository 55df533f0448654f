SELECT n.customer_id, n.brand, p.first_name, n.interest,
    n.item«, n.item AS item_of_many_names×10000», n.item AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
