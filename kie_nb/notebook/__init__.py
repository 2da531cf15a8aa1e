"""What a person sees: magics, card and video. Knows IPython and ipywidgets, no SQL and no HTTP."""
