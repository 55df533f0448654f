SELECT channel, addres, brand FROM suppressed
