"""The explorer: a run's nets made ready for a browser, which draws the images itself."""
