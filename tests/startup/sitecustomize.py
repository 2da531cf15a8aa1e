"""Every Python process that the tests start begins here: `conftest.py` puts this folder on PYTHONPATH."""

import sys

# Importing it compiles 38 grammars, 2.2 s of computing: jsonschema would check international addresses with it, and
# nbformat, which every runner of notebooks imports, has none. Where it is missing, jsonschema does without.
sys.modules["rfc3987_syntax"] = None
