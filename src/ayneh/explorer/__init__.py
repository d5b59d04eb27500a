"""The explorer: a run's nets as ONNX for a browser, in which the images are drawn."""
