"""What leaves the house: a run's nets in files that other programs read, with a card that says what they are."""
