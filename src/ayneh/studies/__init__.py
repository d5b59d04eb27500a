"""Studies: arms compared over seeds. Planned here, played share by share, told in words with their statistics."""
