"""Exported models run by onnxruntime, numpy and scipy: nothing here may import torch, even indirectly."""
