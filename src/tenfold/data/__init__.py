"""Where digits come from: the bundled sets and tables of pixels, their audit, split and export."""
