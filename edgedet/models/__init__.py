"""What a .tflite file is, and how its tensors become boxes.

`inspection`, `layout` and `labels` need the standard library only and run in the main process; `quantise` and
`decoders` need numpy and run in the detector worker.
"""
