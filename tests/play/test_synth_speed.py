from ensemble.measure.speed import bench_synth


def test_the_synthesizer_is_worth_its_code():
    """Floors well under what an idle machine reaches: ratios hold, but other work on the machine shakes them."""
    measured = bench_synth()
    assert measured["harmonic_ratio_16k"] > 40
    assert measured["harmonic_ratio_48k"] > 40
    assert measured["harmonic_snr_db"] >= 110
    assert measured["noise_ratio"] > 1.05
    assert measured["instrument_realtime_16k"] > 40
    assert measured["instrument_realtime_48k"] > 25
