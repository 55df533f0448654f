TRUNCATE people
