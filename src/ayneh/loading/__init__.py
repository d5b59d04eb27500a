"""An exported folder at work, with numpy, scipy and onnxruntime alone: nothing here may import torch, or what does."""
