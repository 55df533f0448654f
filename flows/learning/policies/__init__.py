"""Which help for whom, learned from what was drawn at random: values of policies, and policies that use few dimensions a help."""
