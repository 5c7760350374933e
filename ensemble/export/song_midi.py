"""One MIDI file of the whole song: tempo, metre, key, chords as markers, the leader's notes, every part."""

from __future__ import annotations

from pathlib import Path

import mido

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.midi import TICKS_PER_QUARTER, part_track
from ensemble.conduct.notes import segment
from ensemble.export.song import SongTake
from ensemble.files.midi import DRUM_CHANNEL, MidiEvent, save_midi, tempo_track, track_of
from ensemble.types.harmony import Key, tone_name
from ensemble.types.music import Hits


def write_song_midi(song: SongTake, path: Path) -> None:
    """Write a file of format 1 whose times are within 1 ms of the sound.

    Its tracks are: tempos, metres, key and chords; the leader, where its notes are heard; all parts.
    """
    beats = song.beats
    channels = iter([channel for channel in range(1, 16) if channel != DRUM_CHANNEL] * len(song.parts))
    tracks = [_song_track(song)]
    if song.heard.follows_pitch:
        tracks.append(_leader_track(song))
    for follower, part, _ in song.parts:
        channel = DRUM_CHANNEL if isinstance(part, Hits) else next(channels)
        tracks.append(part_track(part, follower, beats, channel))
    save_midi(path, tracks, TICKS_PER_QUARTER)


def _song_track(song: SongTake) -> mido.MidiTrack:
    track = tempo_track(song.beats.metres, song.beats.tempos, TICKS_PER_QUARTER)
    now, events = 0, list[MidiEvent]()
    for message in track[:-1]:
        now += message.time
        events.append((now, 0, message))
    events.append((0, 0, mido.MetaMessage("track_name", name=_latin(song.title))))
    events.append((0, 1, mido.MetaMessage("key_signature", key=_signature(song.heard.key))))
    events += [
        (song.beats.ticks(at_s + song.beats.start_s), 2, mido.MetaMessage("marker", text=name))
        for at_s, name in song.markers()
    ]
    return track_of(events)


def _leader_track(song: SongTake) -> mido.MidiTrack:
    events: list[MidiEvent] = [(0, 0, mido.MetaMessage("track_name", name="leader"))]
    for note in segment(song.heard):
        start_s, stop_s = note.start / FRAME_RATE_HZ, note.stop / FRAME_RATE_HZ
        key = min(max(round(note.pitch_midi), 0), 127)
        if stop_s > song.beats.start_s:
            start = song.beats.ticks(start_s)
            stop = max(song.beats.ticks(stop_s), start + 1)
            events.append((start, 3, mido.Message("note_on", note=key, velocity=note.velocity)))
            events.append((stop, 2, mido.Message("note_off", note=key, velocity=0)))
    return track_of(events)


def _signature(key: Key) -> str:
    """A key as MIDI names it: `Eb`, `F#m`."""
    return tone_name(key.tonic, key) + ("m" if key.mode == "minor" else "")


def _latin(text: str) -> str:
    """Text as a MIDI file can hold it."""
    return text.encode("latin-1", "replace").decode("latin-1")
