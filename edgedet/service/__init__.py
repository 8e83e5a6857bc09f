"""What makes a process a service: figures about itself, and what it tells the system."""
