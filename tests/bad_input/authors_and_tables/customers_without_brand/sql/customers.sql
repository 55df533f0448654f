SELECT customer_id, country, locale, email, phone FROM people
