from ensemble.measure.speed import bench_synth


def test_the_synthesizer_is_worth_its_code():
    """What does not depend on who else is using the machine; the ratios are for `ensemble bench` to print."""
    measured = bench_synth()
    assert set(measured) == {
        "harmonic_ratio_16k", "harmonic_ratio_48k", "harmonic_snr_db", "noise_ratio", "instrument_realtime_16k",
        "instrument_realtime_48k",
    }  # fmt: skip
    assert measured["harmonic_snr_db"] >= 110
    assert min(measured["harmonic_ratio_16k"], measured["harmonic_ratio_48k"]) > 5
