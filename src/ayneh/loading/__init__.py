"""Exported models run by numpy, scipy and onnxruntime alone: nothing here may import torch, even indirectly."""
