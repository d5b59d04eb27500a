"""What happens while a run is trained, once: `train`, `resume` and studies all play and write down a run here."""
