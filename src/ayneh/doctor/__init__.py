"""A run's diagnosis as one page to read, to print and to pass on."""
