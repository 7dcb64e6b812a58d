"""Each page as a notebook for Colab, and as a notebook for students."""
