"""Parts of one's own: what a person adds to the tables of nets, losses, penalties and the others."""
