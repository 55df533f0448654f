VALUES ('c01', 'north')
