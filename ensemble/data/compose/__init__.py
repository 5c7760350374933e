"""The composer of training data: pieces written by rule, played by sampled instruments, with everything true of them.

A tool for building voices: it needs FluidSynth and a soundfont, the product does not. The folder that it writes has
BabySlakh's layout, plus `labels/` and `composer.json` in every track and `splits.json` on top.
"""
