"""Each family's network as an ONNX graph that writes its trace, one function for each family."""
