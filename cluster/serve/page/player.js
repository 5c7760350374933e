// Plays the leader and all stems of a take at one clock, from pieces that are fetched while they are needed.

import { clamp, heardLevel, limiter } from "./desk.js";

const CHUNK_SAMPLES = 65536;
const CHUNKS_AHEAD = 5;
const MAX_FETCHES = 6;  // at once
const RETRY_MS = 300;  // until a piece that was not there yet is asked for again

// What pan makes of a mono sound: `ensemble.mix.gain.place`.
const panned = (pan) => [Math.sin((1 - pan) * Math.PI / 4), Math.sin((1 + pan) * Math.PI / 4)];

export class Player extends EventTarget {
  // fetchSound(source, start, num) gives interleaved 16-bit samples, fewer than asked for where there are no more yet.
  constructor(fetchSound) {
    super();
    this.fetchSound = fetchSound;
    this.tracks = [];
    this.kept = [];
    this.leaving = [];  // sources that are heard until those of the tracks can be
    this.turn = 0;  // numbers what the mixer is asked to read
    this.loop = null;
    this.rate = 1;
    this.isPlaying = false;
    this.isWaiting = false;
    this.held = new Map();  // pieces that the audio thread has: how many samples of each
    this.loading = new Map();  // pieces that are on their way, or not to be asked for again before a time
    this.state = { position: 0, at_ms: 0 };
  }
  get duration() {
    return this.total / this.sampleRate || 0;
  }
  get position() {  // in seconds, as it is heard now
    const { position, at_ms } = this.state;
    const since_s = this.isPlaying && !this.isWaiting && !this.isCounting ? (performance.now() - at_ms) / 1000 : 0;
    const latency_s = this.isPlaying ? this.context?.outputLatency || 0 : 0;
    return clamp(position / this.sampleRate + this.rate * clamp(since_s, 0, 0.1) - this.rate * latency_s, 0, this.duration) || 0;
  }

  // Gets ready for sound of this rate, so many samples long.
  async open(sampleRate, total) {
    if (!window.AudioWorkletNode) throw new MissingWorklet();
    this.total = total;
    if (this.context && sampleRate === this.sampleRate) {
      this.tell({ do: "length", total });
      return;
    }
    this.close();
    Object.assign(this, { sampleRate, isPlaying: false, loop: null });
    this.context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    await this.context.audioWorklet.addModule("/page/mixer_worklet.js");
    this.node = new AudioWorkletNode(this.context, "mixer", {
      numberOfInputs: 0, outputChannelCount: [2], processorOptions: { chunkSamples: CHUNK_SAMPLES },
    });
    this.tell({ do: "length", total });
    this.node.port.onmessage = ({ data }) => this.hear(data);
    this.node.connect(limiter(this.context));
    if (this.rate !== 1) this.tell({ do: "speed", rate: this.rate });
    this.timer = setInterval(() => this.feed(), 100);
  }
  close() {
    clearInterval(this.timer);
    if (this.node) this.tell({ do: "close" });
    this.context?.close();
    this.context = this.node = null;
    this.isPlaying = this.isWaiting = false;
    this.held.clear(); this.loading.clear();
    this.kept = this.leaving = [];
    this.isTurning = false;
    this.turn = 0;
    this.state = { position: 0, at_ms: 0 };
  }
  tell(message, moved = []) {
    this.node?.port.postMessage(message, moved);
  }
  hear(state) {
    this.state = { position: state.position, at_ms: performance.now() };
    this.isWaiting = state.isWaiting;
    this.isCounting = false;
    if (state.turned === this.turn) { this.isTurning = false; this.leaving = []; }
    if (state.isEnd) this.isPlaying = false;
    this.dispatchEvent(new Event("state"));
  }

  // tracks: each with name, source, gain, volume, isMuted, isSolo, pan, soundsPan (of the file).
  setTracks(tracks) {  // other sources take their place as soon as they are there
    const sources = tracks.map(({ source }) => source);
    this.leaving = [...this.leaving, ...this.tracks.map(({ source }) => source)].filter((source) => !sources.includes(source));
    this.isTurning = this.isPlaying && this.leaving.length > 0;
    this.tracks = tracks;
    this.applyLevels();
  }
  applyLevels() {
    const routes = this.tracks.map((track) => {
      const level = heardLevel(track, this.tracks), isMoved = track.pan !== track.soundsPan;
      if (!isMoved) return { name: track.name, source: track.source, channel: -1, target: [level, level] };
      const was = panned(track.soundsPan), channel = was[0] >= was[1] ? 0 : 1;
      return { name: track.name, source: track.source, channel, target: panned(track.pan).map((gain) => level * gain / was[channel]) };
    });
    this.tell({ do: "route", tracks: routes, turn: ++this.turn });
    this.feed();
  }

  keep(sources) {  // has these at hand too, so that they can take the place of the tracks without a gap
    this.kept = sources;
    this.feed();
  }

  async play(at = this.position, countIn = null) {
    await this.context.resume();
    this.isPlaying = true;
    this.isCounting = countIn !== null;
    const isOutside = this.loop && (at < this.loop.start || at >= this.loop.end - 0.02);
    const from = isOutside ? this.loop.start : at >= this.duration - 0.02 ? 0 : at;
    this.goTo(from, { do: "play", countIn: countIn && { beats: countIn.beats, samplesPerBeat: countIn.beat_s * this.sampleRate } });
  }
  pause() {
    this.isPlaying = false;
    this.tell({ do: "pause" });
    this.dispatchEvent(new Event("state"));
  }
  seek(to) {
    this.goTo(clamp(to, 0, this.duration), { do: "seek" });
  }
  goTo(seconds, message) {
    const at = Math.round(seconds * this.sampleRate);
    this.state = { position: at, at_ms: performance.now() };
    this.tell({ ...message, at });
    this.feed();
    this.dispatchEvent(new Event("state"));
  }
  repeat(loop) {  // seconds from start to end, or null
    this.loop = loop;
    const inSamples = loop && { start: Math.round(loop.start * this.sampleRate), end: Math.round(loop.end * this.sampleRate) };
    this.tell({ do: "repeat", loop: inSamples });
  }
  slow(rate) {
    this.rate = rate;
    this.tell({ do: "speed", rate });
  }

  // Fetching: the pieces from here on, where the loop begins, and no others.
  feed() {
    if (!this.node || document.hidden && !this.isPlaying) return;
    const here = Math.floor(this.state.position / CHUNK_SAMPLES), last = Math.floor((this.total - 1) / CHUNK_SAMPLES);
    const numbers = new Set();
    for (let ahead = 0; ahead < CHUNKS_AHEAD; ahead++) numbers.add(Math.min(here + ahead, last));
    if (this.loop) for (const ahead of [0, 1]) numbers.add(Math.min(Math.floor(this.loop.start * this.sampleRate / CHUNK_SAMPLES) + ahead, last));
    const wanted = new Map();
    for (const sources of [this.tracks.map(({ source }) => source), this.kept]) for (const number of numbers) for (const source of sources) wanted.set(`${source} ${number}`, { source, number });
    for (const key of this.held.keys()) {
      if (wanted.has(key)) continue;
      const [source, number] = key.split(" ");
      if (this.leaving.includes(source)) continue;
      this.held.delete(key);
      this.tell({ do: "forget", source, number: Number(number) });
    }
    for (const [key, piece] of wanted) {
      if ([...this.loading.values()].filter((one) => one === Infinity).length >= MAX_FETCHES) break;
      const length = Math.min(CHUNK_SAMPLES, this.total - piece.number * CHUNK_SAMPLES);
      const isDue = (this.loading.get(key) ?? 0) < performance.now();
      if ((this.held.get(key) ?? 0) < length && isDue) this.fetchPiece(key, piece, length);
    }
  }
  async fetchPiece(key, { source, number }, length) {
    const node = this.node;
    this.loading.set(key, Infinity);
    let problem = null;
    try {
      const pcm = await this.fetchSound(source, number * CHUNK_SAMPLES, length);
      if (node !== this.node) return;
      const numSamples = pcm.length / 2;
      if (numSamples > (this.held.get(key) ?? 0)) {
        this.held.set(key, numSamples);
        this.tell({ do: "chunk", source, number, pcm }, [pcm.buffer]);
      }
      if (numSamples >= length) this.loading.delete(key); else this.loading.set(key, performance.now() + RETRY_MS);
    } catch (error) {
      problem = error;
      this.loading.set(key, performance.now() + 5 * RETRY_MS);
    }
    this.dispatchEvent(new CustomEvent("fetched", { detail: problem }));
    this.feed();
  }
}

export class MissingWorklet extends Error {}
