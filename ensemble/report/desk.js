// What the report and the studio share: bars and beats on the clock, what is heard of a desk's tracks, how far and where its sheet shows.

export const byId = (id) => document.getElementById(id);
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
export const amplitude = (decibels) => 10 ** (decibels / 20);
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
export const clockInWords = (seconds) => `${Math.floor(seconds / 60)} minutes ${Math.floor(seconds % 60)} seconds`;

// Where bars and beats are. beats: in seconds; downbeats: the beats that open bars; entry: the beat on which the leader begins.
export class Bars {
  constructor({ beats, downbeats, chords, entry, duration }) {
    Object.assign(this, { beats, downbeats, chords, entry, duration });
  }
  get last() {
    return this.downbeats.length;
  }
  beatAt(seconds) {  // the beat that sounds, -1 before the first
    let low = 0, high = this.beats.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.beats[middle] <= seconds + 1e-3) low = middle + 1; else high = middle;
    }
    return low - 1;
  }
  barOf(beat) {  // from 1; 0 is the pickup
    return this.downbeats.filter((downbeat) => downbeat <= beat).length;
  }
  barAt(seconds) {
    return this.barOf(this.beatAt(seconds));
  }
  start(bar) {
    return this.beats[bar ? this.downbeats[bar - 1] : this.entry] ?? 0;
  }
  end(bar, last = this.last) {
    return bar >= last ? this.duration : this.start(bar + 1);
  }
  placeOf(beat) {  // in words
    if (beat < this.entry) return "Before the leader";
    const bar = this.barOf(beat);
    return bar ? `Bar ${bar}, beat ${beat - this.downbeats[bar - 1] + 1}` : "Pickup";
  }
}

// How loud a track of a desk sounds, as a factor: nothing where it is muted, or where others are solo.
export function heardLevel(track, tracks) {
  const anySolo = tracks.some((other) => other.isSolo);
  return track.isMuted || (anySolo && !track.isSolo) ? 0 : track.gain * track.volume;
}

// An input for the sum of the stems of which loud ones do not clip (the mix has its own limiter).
export function limiter(context) {
  const compressor = context.createDynamicsCompressor();
  compressor.threshold.value = -2; compressor.knee.value = 0; compressor.ratio.value = 20;
  compressor.attack.value = 0.002; compressor.release.value = 0.1;
  const level = context.createGain();
  level.gain.value = amplitude(-1.14);  // what the compressor adds to everything with these settings
  compressor.connect(level).connect(context.destination);
  return compressor;
}

// How many times a sheet of so many seconds can be widened: until eight seconds fill the view.
export const maxZoom = (seconds) => Math.max(4, 2 ** Math.ceil(Math.log2(seconds / 8)));

// Scrolls such that the playhead is in sight.
export function follow(view, sheet, playhead) {
  const seen = view.getBoundingClientRect(), line = playhead.getBoundingClientRect(), head = sheet.querySelector(".over").offsetLeft;
  if (line.left < seen.left + head || line.left > seen.right - 24) view.scrollLeft += line.left - seen.left - head - 0.1 * seen.width;
}

// A label that would touch another is left out; chords that last longer go first.
export function thinLabels(labels) {
  for (const label of labels) label.style.display = "";
  const spans = labels.map((label, index) => ({
    label, index, left: label.offsetLeft, right: label.offsetLeft + label.offsetWidth + 3, beats: Number(label.dataset.beats ?? 0),
  }));
  const kept = [];
  for (const span of spans.sort((one, other) => other.beats - one.beats || one.index - other.index)) {
    const touches = kept.some((other) => span.left < other.right && other.left < span.right);
    if (touches) span.label.style.display = "none"; else kept.push(span);
  }
}
