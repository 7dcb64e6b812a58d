"""Loss functions for the textbook lossbook."""
