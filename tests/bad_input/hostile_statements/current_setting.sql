SELECT n.customer_id, n.brand, p.first_name, n.interest,
    current_setting('temp_directory') AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
