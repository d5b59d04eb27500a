"""Studies: arms compared over seeds. A plan, shares that are played one by one, verdicts with their statistics."""
