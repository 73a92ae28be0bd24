"""`python -m explorer.bench.gpu`: what ONNX Runtime gains on a CUDA GPU and whether it computes the same → docs/gpu.md.

One section a module, each a generator of rows that runs in a process of its own (plan.py). Needs torch, numpy, onnx,
onnxruntime and pillow alone, so that it runs in whatever environment a machine with a GPU has.
"""
