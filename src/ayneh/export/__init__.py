"""A run's nets in files for other programs, with a model card."""
