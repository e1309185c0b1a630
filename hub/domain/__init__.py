"""What is true without any machine: agencies, exchanges, transfers, routing, responsibility. Standard library only."""
