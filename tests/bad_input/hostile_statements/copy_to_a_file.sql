COPY (SELECT * FROM people) TO 'people.csv'
