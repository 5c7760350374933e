"""BabySlakh, Slakh2100-redux, and what our own composer writes: one folder per track, one stem per part.

    [train|validation|test|omitted/]Track00001/
        metadata.yaml  mix.wav  stems/S00.wav  MIDI/S00.mid  [labels/S00.npz]

Stems may be WAV or FLAC. A set with split folders keeps its splits; `omitted` holds the tracks that its makers
withdrew and stays unread. A stem's `audio_rendered` is not believed: only the file tells.

Source: Manilow et al., Cutting Music Source Separation Some Slakh, WASPAA 2019.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ensemble.data.listing import first_file, folders, is_file, is_folder, visible
from ensemble.data.programs import DRUMS_PROGRAM, instrument_of_program, instrument_of_words
from ensemble.data.takes import Dataset, RecordedPart, Skip, Split, split_of, spread
from ensemble.errors import DataError

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # a PyYAML without libyaml: thirty times slower, as safe
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

NAME = "slakh"
LICENCE = "CC BY 4.0 (Manilow et al. 2019)"
OUR_LICENCE = "ours, composed and rendered by this project (soundfont: MIT)"
MIT_SOUNDFONTS = ("FluidR3", "MuseScore_General")
"""How the names of those begin whose licence we know."""
SPLIT_FOLDERS: dict[str, Split] = {"train": "train", "validation": "valid", "test": "test"}
OMITTED = "omitted"
COMPOSER_FILE = "composer.json"
MAX_METADATA_BYTES = 2**20
MAX_DEPTH = 20
_TRACK_NAME = re.compile(r"Track\d+")
_STEM_NAME = re.compile(r"[A-Za-z0-9_-]+")


def recognises(root: Path) -> bool:
    """Whether tracks lie in the folder, or in its split folders."""
    return any(is_track(track) for track, _ in _tracks(root))


def read(root: Path) -> Dataset:
    """List the stems that have a file.

    Two tracks made from the same MIDI file may not lie on both sides of a split: in a set with split folders the
    second is passed over, elsewhere both lie in one (see `takes.spread`). A track whose metadata says `split: test`
    is kept to test with.

    Raises:
        DataError: no track has a stem that can be used.
    """
    takes: list[RecordedPart] = []
    skips: list[Skip] = []
    split_by_source: dict[str, tuple[Split, str]] = {}
    has_own_splits = any(folder.name in SPLIT_FOLDERS for folder in folders(root))
    first_of: dict[str, str] = {}
    piece_of: dict[str, str] = {}
    held_out: set[str] = set()
    for track, split in _tracks(root):
        if not is_track(track):
            if _TRACK_NAME.fullmatch(track.name):
                skips.append(Skip(path=track, reason="holds neither metadata nor stems, or may not be read"))
            continue
        try:
            metadata = _metadata(track / "metadata.yaml")
        except DataError as error:
            skips.append(Skip(path=track, reason=f"{Path(error.what).name} {error.problem}"))
            continue
        uuid = str(metadata.get("UUID") or track.name)
        piece_of[track.name] = first_of.setdefault(uuid, track.name)
        if metadata.get("split") == "test":
            held_out.add(piece_of[track.name])
        for source in {track.name, uuid} if has_own_splits else ():
            first_split, first_track = split_by_source.setdefault(source, (split, track.name))
            if first_split != split:
                reason = f"made from the same MIDI as {first_track}, which is in split {first_split}"
                skips.append(Skip(path=track, reason=reason))
                break
        else:
            found, passed = _stems(root, track, split, metadata["stems"])
            takes += found
            skips += passed
    if not takes:
        reason = f": {skips[0].path.name}: {skips[0].reason}" if skips else ""
        raise DataError(str(root), f"no track has a stem to use{reason}", "check that the archive was unpacked whole")
    return Dataset(
        name=NAME,
        root=root,
        takes=tuple(takes) if has_own_splits else spread(takes, lambda take: piece_of[take.piece], held_out),
        skips=tuple(skips),
    )


def _tracks(root: Path) -> Iterator[tuple[Path, Split]]:
    """Every folder where a track may lie, with its split."""
    for folder in folders(root):
        if folder.name in SPLIT_FOLDERS:
            yield from ((track, SPLIT_FOLDERS[folder.name]) for track in folders(folder))
        elif folder.name != OMITTED:
            yield folder, split_of(folder.name)


def is_track(folder: Path) -> bool:
    """Whether a folder looks like one track; a broken one by its name."""
    has_metadata, has_stems = is_file(folder / "metadata.yaml"), is_folder(folder / "stems")
    if _TRACK_NAME.fullmatch(folder.name):
        return has_metadata or has_stems or is_folder(folder / "MIDI")
    return has_metadata and has_stems


def _metadata(path: Path) -> dict[str, Any]:
    """The track's metadata, at least with a mapping of stems.

    Raises:
        DataError: missing, too large, not YAML, or without stems.
    """
    try:
        if path.stat().st_size > MAX_METADATA_BYTES:
            raise DataError(str(path), "is far too large")
        document = _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(str(path), "is missing") from error
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(str(path), "is not YAML") from error
    if not isinstance(document, dict) or not isinstance(document.get("stems"), dict) or not document["stems"]:
        raise DataError(str(path), "lists no stems")
    return document


def _parsed(text: str) -> Any:
    """YAML without objects; the C loader would overflow its stack on deep nesting, so that is refused beforehand."""
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
    return yaml.load(text, Loader=_SafeLoader)


def _stems(root: Path, track: Path, split: Split, stems: dict[Any, Any]) -> tuple[list[RecordedPart], list[Skip]]:
    """The stems of one track that have a file, and those that have none."""
    takes: list[RecordedPart] = []
    skips: list[Skip] = []
    is_ours = is_file(root / COMPOSER_FILE) or is_file(track / COMPOSER_FILE)
    mix = first_file(track / "mix.wav", track / "mix.flac")
    for key, facts in sorted(stems.items(), key=lambda item: str(item[0])):
        name = str(key)
        if not _STEM_NAME.fullmatch(name) or not isinstance(facts, dict):
            skips.append(Skip(path=track / "metadata.yaml", reason=f"stem {name[:40]!r} is not described as one"))
            continue
        audio = first_file(track / "stems" / f"{name}.wav", track / "stems" / f"{name}.flac")
        if audio is None:
            label = facts.get("midi_program_name") or facts.get("inst_class") or "unnamed"
            skips.append(Skip(path=track / "stems" / name, reason=f"has no audio file ({label})"))
            continue
        source = str(facts.get("plugin_name") or "")
        takes.append(
            RecordedPart(
                dataset=NAME,
                piece=track.name,
                part=name,
                label=str(facts.get("inst_class") or facts.get("midi_program_name") or "unnamed"),
                instrument=_instrument(facts),
                split=split,
                licence=_our_licence(source) if is_ours else LICENCE,
                may_ship=is_ours
                and source.startswith(
                    MIT_SOUNDFONTS
                ),  # CC BY would allow it with attribution; the voices we ship come from our own sets
                source=source or None,
                audio=audio,
                mix=mix,
                notes=first_file(track / "MIDI" / f"{name}.mid"),
                labels=first_file(track / "labels" / f"{name}.npz"),
            )
        )
    listed = {str(key) for key in stems}
    unlisted = [
        path for path in visible(track / "stems") if path.suffix in (".wav", ".flac") and path.stem not in listed
    ]
    skips += [Skip(path=path, reason="is not in metadata.yaml") for path in unlisted]
    return takes, skips


def _instrument(facts: dict[str, Any]) -> str | None:
    """By program number first, which is exact; by name where there is none ('Strings (continued)' says little)."""
    program = facts.get("program_num")
    if facts.get("is_drum") is True or program == DRUMS_PROGRAM:
        return "drums"
    if isinstance(program, int) and 0 <= program < DRUMS_PROGRAM:
        return instrument_of_program(program)
    by_name = instrument_of_words(str(facts.get("midi_program_name") or ""))
    return by_name or instrument_of_words(str(facts.get("inst_class") or ""))


def _our_licence(soundfont: str) -> str:
    """Of what we have composed: its sounds are the soundfont's."""
    if soundfont.startswith(MIT_SOUNDFONTS):
        return OUR_LICENCE
    return f"composed by this project; that of {soundfont or 'the soundfont'} is yours to know"
