"""From user arguments to a checked request: pictures, their addresses, and where a request was asked for."""
