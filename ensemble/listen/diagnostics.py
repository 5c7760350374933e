"""Whether one voice, several or noise is heard, and what the user is told of it.

Everything is measured on the whole recording: levels are relative to its loudest frame, shares are of all its frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import maximum_filter1d, minimum_filter1d
from ensemble.audio.spectra import bin_frequencies_hz, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen import beats
from ensemble.listen.chord_network import STEP_FRAMES
from ensemble.listen.chroma import LEAP_CENTS, VIBRATO_FRAMES
from ensemble.listen.limits import HIGHEST_HZ, LOWEST_HZ, too_low
from ensemble.types.diagnostics import Diagnostic, DiagnosticCode
from ensemble.types.music import SILENCE_DB, FloatArray

WINDOW_SAMPLES = 2048
HALF_WIDTH_BINS = 2.5
HELD_CENTS = 35.0
LOWEST_RESOLVED_HZ = 95.0
"""Below it harmonics lie closer than the window can tell apart."""
MIN_HELD_FRAMES = 20
AUDIBLE_BELOW_PEAK_DB = 30.0
TONAL_FLATNESS_DB = -18.0
"""Spectral flatness, 100 Hz to 4 kHz: chords lie near -50, a guitar near -28, white noise at -2.5, fricatives at -9."""
MIN_TONAL = 0.5
MIN_SINGLE_VOICE = 0.85
"""Measured: one flute, double bass or made tone 1.00, a tune over a bass 0.77, chords below 0.7."""
CLEARLY_ONE = 0.98
"""One bowed string rings on in chords and still has this share of its power on its harmonics."""
ALWAYS_FOLLOWED = 0.9
"""One voice that is too low for its harmonics to be told apart is followed for so much of the time."""
MAX_NO_CHORD = 0.5
"""Mean probability of no chord where several voices sound; measured: guitars and mixes below 0.2, solos above 0.4."""
MAX_UNFOLLOWED = 0.15
MIN_UNFOLLOWED_FRAMES = 50
"""Half a second; less occurs at the edges of notes."""
MIN_GLIDING, MAX_STEADY, MIN_SYLLABIC, MIN_SPOKEN = 0.25, 0.7, 0.33, 0.4
"""Speech glides, is rarely steady, comes in syllables, and is no chord. Measured: eleven synthetic speakers 0.32 to
0.84, 0.15 to 0.67, 0.36 to 0.52, and 0.45 to 0.98; singing 0.28, 0.84, 0.12; a saxophone 0.33, 0.97, 0.19."""
STEADY_FRAMES, STEADY_CENTS = 12, 60.0
SYLLABLES_HZ = (3.0, 8.0)
MIN_OUT_OF_RANGE = 0.2
"""Share of the notes out of the tracker's range that is told."""
MIN_ABOVE = 0.95
"""Share of the power above the tracker's range where a note lies above it."""
GLIDE_CENTS_PER_FRAME = 3.0
MIN_HELD_SHARE = 0.12
FAINT_DB = -50.0
"""The band follows a leader that never gets louder than this so quietly that it may not be heard."""
HISS_BELOW_PEAK_DB, MIN_HISS_FRAMES, HISS_SPREAD_DB = 20.0, 30, 3.0
"""Background noise has no pitch, lies so far below the loudest frame, lasts so long and varies by no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What tells one voice from several, from speech and from noise; shares are 0..1 of the audible frames."""

    voiced: float
    """Share of frames with a pitch."""
    unfollowed: float
    """Share of frames that sound tonal but have no pitch."""
    gliding: float
    """Share of the held pitch that drifts faster than a note does."""
    single_voice: float | None
    """Share of the power of held notes that lies on harmonics of the followed pitch; None if too little is held."""
    clarity: float
    """How clear the beat is, 0..1."""
    no_chord: float
    """Mean probability, by the chord network, that the audible sound is no chord."""
    steady: float = 1.0
    """Share of the voiced frames in stretches of 120 ms that stay within 60 cents."""
    syllabic: float = 0.0
    """Share of the loudness's movement that comes 3 to 8 times a second."""
    too_high: float = 0.0
    """Share of frames with a note above the tracker's range."""
    too_low: float = 0.0
    """Share of voiced frames with a note below it."""
    hum_hz: float | None = None
    """Pitch of a steady hum; None without."""
    is_hiss: NDArray[np.bool_]
    """Where nothing but background noise is heard.  [frames]"""

    @property
    def is_noisy(self) -> bool:
        """Whether most of the sound has no pitch at all."""
        followed = self.voiced + self.unfollowed + self.too_high
        return self.no_chord >= MAX_NO_CHORD and followed < MIN_TONAL

    @property
    def is_speech(self) -> bool:
        """Whether there is a pitch that settles on no note."""
        is_voice = self.no_chord >= MIN_SPOKEN and not self.is_noisy and self.clarity < beats.MIN_CLARITY
        return is_voice and self.gliding > MIN_GLIDING and self.steady < MAX_STEADY and self.syllabic > MIN_SYLLABIC

    @property
    def is_too_high(self) -> bool:
        """Whether much of it lies above what can be followed."""
        return self.too_high >= MIN_OUT_OF_RANGE

    @property
    def is_too_low(self) -> bool:
        """Whether much of it lies below what can be followed."""
        return self.too_low >= MIN_OUT_OF_RANGE

    @property
    def is_clearly_one(self) -> bool:
        """Whether one voice is heard so clearly that the chord network need not be asked."""
        return self.voiced >= ALWAYS_FOLLOWED if self.single_voice is None else self.single_voice > CLEARLY_ONE

    @property
    def is_polyphonic(self) -> bool:
        """Whether more than one voice is heard: one is followed nearly always, and is no chord."""
        if self.is_noisy or self.is_speech or self.is_too_high or self.is_too_low:
            return False
        voice = self.single_voice
        is_one = self.is_clearly_one or self.voiced * self.no_chord >= MAX_NO_CHORD
        has_more = voice is not None and voice < MIN_SINGLE_VOICE
        return has_more or self.unfollowed > MAX_UNFOLLOWED or not is_one


def measure_evidence(
    samples: FloatArray,
    sample_rate: int,
    f0_hz: FloatArray,
    loudness_db: FloatArray,
    *,
    clarity: float,
    no_chord: FloatArray,
    hum_hz: float | None = None,
) -> Evidence:
    """Measure a recording.

    Args:
        samples: [samples], mono.
        sample_rate: its rate.
        f0_hz: [frames], 0 is unvoiced.
        loudness_db: [frames]
        clarity: of the beat, 0..1.
        no_chord: probability that no chord sounds.  [steps of the chord network]
        hum_hz: pitch of a hum that was taken out of `f0_hz`.
    """
    audible = _audible(loudness_db)
    voiced = f0_hz > 0
    single_voice, is_tonal, is_above = _spectral_evidence(samples, sample_rate, f0_hz)
    num_audible = max(int(audible.sum()), 1)
    unfollowed = int((audible & ~voiced & is_tonal & ~is_above).sum())
    return Evidence(
        voiced=float((audible & voiced).sum() / num_audible),
        unfollowed=unfollowed / num_audible if unfollowed >= MIN_UNFOLLOWED_FRAMES else 0.0,
        gliding=_gliding(f0_hz),
        single_voice=single_voice,
        clarity=clarity,
        no_chord=mean_no_chord(no_chord, loudness_db),
        steady=_steady(f0_hz),
        syllabic=_syllabic(loudness_db),
        too_high=float((audible & is_above).sum() / num_audible),
        too_low=too_low(samples, sample_rate, f0_hz),
        hum_hz=hum_hz,
        is_hiss=_is_hiss(loudness_db, voiced | is_tonal | is_above),
    )


def mean_no_chord(no_chord: FloatArray, loudness_db: FloatArray) -> float:
    """How probably the audible sound is no chord, in the mean.

    Args:
        no_chord: by the chord network.  [steps of the chord network]
        loudness_db: [frames]
    """
    steps = np.flatnonzero(_audible(loudness_db)) // STEP_FRAMES
    return float(no_chord[np.minimum(steps, len(no_chord) - 1)].mean())


def _audible(loudness_db: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(loudness_db > loudness_db.max() - AUDIBLE_BELOW_PEAK_DB)


def _is_hiss(loudness_db: FloatArray, has_pitch: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Frames no louder than the noise that is heard alone somewhere for a third of a second.  [frames]"""
    may_be = ~has_pitch & (loudness_db < loudness_db.max() - HISS_BELOW_PEAK_DB) & (loudness_db > SILENCE_DB)
    if len(may_be) < MIN_HISS_FRAMES:
        return np.zeros_like(may_be)
    alone = np.lib.stride_tricks.sliding_window_view(may_be, MIN_HISS_FRAMES).all(axis=1)
    levels = np.lib.stride_tricks.sliding_window_view(loudness_db, MIN_HISS_FRAMES)[alone]
    steady = levels[levels.std(axis=1) < HISS_SPREAD_DB]
    if not len(steady):
        return np.zeros_like(may_be)
    return np.asarray(~has_pitch & (loudness_db < float(np.median(steady)) + 2 * HISS_SPREAD_DB))


def diagnose(evidence: Evidence, loudness_db: FloatArray) -> tuple[Diagnostic, ...]:
    """What the user should know; nothing of a clean recording of one voice in time.

    Args:
        evidence: what was measured.
        loudness_db: of the whole recording.  [frames]
    """
    noisy = f"A pitch is heard in only {100 * evidence.voiced:.0f} % of the sounding time: key and chords are guesses."
    speech = "The pitch glides without settling on notes, as in speech: key and chords are guesses."
    polyphonic = "Several notes sound at once, so chords are estimated; please check them."
    no_beat = "No clear beat is heard: the grid of beats is a guess."
    quiet = "The recording is very quiet: the band follows its level and may not be heard; raise its gain."
    high = f"Notes above {HIGHEST_HZ:,.0f} Hz are too high to be followed; say the chords with --chords."
    low = f"Notes below {LOWEST_HZ:.0f} Hz are heard an octave too high."
    hum = f"A steady hum at {evidence.hum_hz or 0:.0f} Hz is left out: where it is heard alone, the leader rests."
    is_quiet = float(loudness_db.max(initial=SILENCE_DB)) < FAINT_DB
    found: list[tuple[bool, DiagnosticCode, str]] = [
        (evidence.is_noisy, "little_pitch", noisy),
        (evidence.is_speech, "gliding_pitch", speech),
        (evidence.is_polyphonic, "several_notes", polyphonic),
        (evidence.clarity < beats.MIN_CLARITY, "no_clear_beat", no_beat),
        (is_quiet, "very_quiet", quiet),
        (evidence.is_too_high, "pitch_too_high", high),
        (evidence.is_too_low, "pitch_too_low", low),
        (evidence.hum_hz is not None, "hum", hum),
    ]
    return tuple(Diagnostic(code=code, text=text) for is_so, code, text in found if is_so)


def _gliding(f0_hz: FloatArray) -> float:
    """Share of the held pitch that drifts; vibrato is averaged out, leaps between notes are left out."""
    cents = 1200 * np.log2(np.maximum(f0_hz, 1.0).astype(np.float64))
    is_smooth = (f0_hz[1:] > 0) & (f0_hz[:-1] > 0) & (np.abs(np.diff(cents)) < LEAP_CENTS)
    if len(is_smooth) < VIBRATO_FRAMES:
        return 0.0
    # The difference of two means over a vibrato's period, one frame apart.
    drift = np.abs(cents[VIBRATO_FRAMES:] - cents[:-VIBRATO_FRAMES]) / VIBRATO_FRAMES
    unbroken = np.lib.stride_tricks.sliding_window_view(is_smooth, VIBRATO_FRAMES).all(axis=1)
    enough = max(MIN_HELD_FRAMES, MIN_HELD_SHARE * int((f0_hz > 0).sum()))  # quick notes are not held
    return float((drift[unbroken] > GLIDE_CENTS_PER_FRAME).mean()) if unbroken.sum() >= enough else 0.0


def _steady(f0_hz: FloatArray) -> float:
    """Share of the voiced frames that belong to a stretch in which the pitch stays."""
    voiced = f0_hz > 0
    cents = 1200 * np.log2(np.maximum(f0_hz, 1.0).astype(np.float64))
    if len(f0_hz) < STEADY_FRAMES or not voiced.any():
        return 0.0
    size, origin = STEADY_FRAMES, -(STEADY_FRAMES // 2)  # a stretch begins with its frame
    spread = maximum_filter1d(cents, size, origin=origin) - minimum_filter1d(cents, size, origin=origin)
    begins = (spread < STEADY_CENTS) & (minimum_filter1d(f0_hz, size, origin=origin) > 0)
    begins[len(f0_hz) - size + 1 :] = False
    inside = maximum_filter1d(begins, size, origin=(size - 1) // 2)
    return float((inside & voiced).sum() / voiced.sum())


def _syllabic(loudness_db: FloatArray) -> float:
    """Share of the loudness's movement, 0.3 to 15 times a second, that has the pace of syllables."""
    level = np.maximum(loudness_db, loudness_db.max() - AUDIBLE_BELOW_PEAK_DB - 10.0).astype(np.float64)
    spectrum = np.square(np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)))))
    rate_hz = np.fft.rfftfreq(len(level), 1 / FRAME_RATE_HZ)
    moving = spectrum[(rate_hz > 0.3) & (rate_hz < 15.0)].sum()
    low_hz, high_hz = SYLLABLES_HZ
    return float(spectrum[(rate_hz > low_hz) & (rate_hz < high_hz)].sum() / max(moving, 1e-9))


def _held(f0_hz: FloatArray, reach: int) -> NDArray[np.bool_]:
    """Frames around which one resolvable note is held for `reach` frames on both sides."""
    held = np.zeros(len(f0_hz), dtype=np.bool_)
    if len(f0_hz) > 2 * reach:
        around = np.lib.stride_tricks.sliding_window_view(f0_hz, 2 * reach + 1)
        lowest, highest = around.min(axis=1), around.max(axis=1)
        is_note = highest < np.maximum(lowest, 1.0) * 2 ** (HELD_CENTS / 1200)
        held[reach : len(f0_hz) - reach] = (lowest > LOWEST_RESOLVED_HZ) & is_note
    return held


def _spectral_evidence(
    samples: FloatArray, sample_rate: int, f0_hz: FloatArray
) -> tuple[float | None, NDArray[np.bool_], NDArray[np.bool_]]:
    """Share of the held notes' power that lies on their harmonics; which frames sound tonal; and in which there is
    a tone above the tracker's range.
    """
    hop = sample_rate // FRAME_RATE_HZ
    held = _held(f0_hz, round(0.5 * WINDOW_SAMPLES / hop))
    frequency_hz = bin_frequencies_hz(WINDOW_SAMPLES, sample_rate)
    heard = (frequency_hz > 60) & (frequency_hz < 4000)
    above = frequency_hz > HIGHEST_HZ + 1.5 * sample_rate / WINDOW_SAMPLES
    frequency_hz = frequency_hz[heard]
    half_width_hz = HALF_WIDTH_BINS * sample_rate / WINDOW_SAMPLES
    is_tonal, is_above = np.zeros((2, len(f0_hz)), dtype=np.bool_)
    on_harmonics = everything = 0.0
    for at, spectra in power_spectra(samples, len(f0_hz), hop, WINDOW_SAMPLES):
        power = spectra[:, heard] + np.float32(1e-12)
        total = power.sum(axis=1, dtype=np.float64)
        flatness_db = 10 * (np.log10(power).mean(axis=1) - np.log10(total / power.shape[1]))
        is_tonal[at] = flatness_db < TONAL_FLATNESS_DB
        high = spectra[:, above] + np.float32(1e-12)
        power_above = high.sum(axis=1, dtype=np.float64)
        flatness_db = 10 * (np.log10(high).mean(axis=1) - np.log10(power_above / high.shape[1]))
        is_above[at] = (power_above > MIN_ABOVE * spectra.sum(axis=1)) & (flatness_db < TONAL_FLATNESS_DB)
        chosen = held[at]
        number_of = frequency_hz / f0_hz[at][chosen][:, None]
        away_hz = np.abs(number_of - np.maximum(np.rint(number_of), 1.0)) * f0_hz[at][chosen][:, None]
        near = away_hz <= half_width_hz + 0.006 * frequency_hz  # strings are a little inharmonic
        amplitude = np.sqrt(total[chosen])  # the weight of a frame: by power one loud note would decide
        on_harmonics += float(((power[chosen] * near).sum(axis=1) / amplitude).sum())
        everything += float(amplitude.sum())
    return (on_harmonics / everything if held.sum() >= MIN_HELD_FRAMES else None), is_tonal, is_above
