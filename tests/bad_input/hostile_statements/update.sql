UPDATE people SET first_name = 'x'
