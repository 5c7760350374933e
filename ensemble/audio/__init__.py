"""Sound files in and out, resampling, spectra, joins, and measures of clicks and seams."""
