"""What listen and later stages read sound with: files, ffmpeg, spectra."""
