"""A run in training: `train`, `resume` and studies all play a run and write it down by this code."""
