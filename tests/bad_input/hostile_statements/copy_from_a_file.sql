COPY needs FROM 'needs.csv'
