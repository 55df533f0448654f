INSERT INTO needs SELECT * FROM needs RETURNING customer_id
