"""The described models, a file for each family; a file that is here, and its `ROWS`, is all that a model needs."""
