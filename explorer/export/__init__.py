"""Checkpoint file → family and state dict → traced ONNX model, checked against torch."""
