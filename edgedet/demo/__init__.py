"""`edgedet demo`: the real daemon on a scene whose truth is known, while things go wrong around it."""
