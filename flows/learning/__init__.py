"""What experiments have shown: differences between arms, with intervals that hold however often they are looked at."""
