"""The composition roots: the only places that know concrete cameras, accelerators and outputs.

`once` looks at files, once; `daemon` is the service. Both are assembled from the same stages.
"""
