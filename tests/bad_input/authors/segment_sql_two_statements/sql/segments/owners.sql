SELECT customer_id, brand, item, interest FROM needs;
SELECT 1
