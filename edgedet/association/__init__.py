"""What the tracker decides by: which box is which known object, and where an object must be by now."""
