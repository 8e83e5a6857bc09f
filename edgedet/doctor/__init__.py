"""What `edgedet doctor` looks at, one file a subject. Each says what it found, and the command that mends it."""
