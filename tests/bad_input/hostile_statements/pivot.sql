PIVOT needs ON item USING count(*)
