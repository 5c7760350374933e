// The desk's sound, in the browser's audio thread: every track is read at one and the same sample, so tracks cannot drift.

import { Stretcher } from "./stretcher.js";

const REPORT_EVERY = 12;  // quanta of 128 samples
const DECLICK = 0.985;  // of a jump in the sound, what is left a sample later: it is gone within 5 ms
const GLIDE = 0.25;  // of the way to a new level in one quantum

class Track {
  constructor() {
    this.source = "";
    this.channel = -1;  // read both channels, or one of them for both
    this.target = [0, 0];
    this.gains = [0, 0];
  }
}

class Mixer extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.chunkSamples = processorOptions.chunkSamples;
    this.total = 0;
    this.stores = new Map();  // of each source, its chunks by number: interleaved stereo, 16 bit
    this.tracks = new Map();
    this.next = null;  // tracks from other sources, until all of them can be heard where we are
    this.turned = this.turning = 0;  // the number of the last `route` that is heard, and that was asked for
    this.position = 0;
    this.loop = null;
    this.isPlaying = false;
    this.isWaiting = false;
    this.countIn = null;
    this.rest = [0, 0];  // of the last jump
    this.last = [0, 0];
    this.isJump = false;
    this.numQuanta = 0;
    this.stretcher = null;
    this.port.onmessage = ({ data }) => this[data.do](data);
  }

  // What the page asks for.
  length({ total }) {
    this.total = total;
  }
  chunk({ source, number, pcm }) {
    if (!this.stores.has(source)) this.stores.set(source, new Map());
    this.stores.get(source).set(number, pcm);
  }
  forget({ source, number }) {
    const store = this.stores.get(source);
    store?.delete(number);
    if (!store?.size) this.stores.delete(source);
  }
  route({ tracks, turn }) {  // tracks each have name, source, channel, and their gains as target
    this.next = tracks;
    this.turning = turn;
    const isOther = tracks.some(({ name, source }) => this.tracks.get(name)?.source !== source);
    if (!isOther || !this.isPlaying) this.turn();
  }
  turn() {
    for (const name of this.tracks.keys()) if (!this.next.some((track) => track.name === name)) this.tracks.delete(name);
    for (const { name, source, channel, target } of this.next) {
      const track = this.tracks.get(name) ?? new Track();
      const isOther = track.source !== source || track.channel !== channel;
      if (isOther) { this.isJump = true; track.gains = [...target]; }  // another version is heard at its own level at once
      Object.assign(track, { source, channel, target });
      this.tracks.set(name, track);
    }
    this.next = null;
    this.turned = this.turning;
    this.report();
  }
  play({ at, countIn }) {
    this.seek({ at });
    this.isPlaying = true;
    this.countIn = countIn ? { ...countIn, sample: 0 } : null;
  }
  pause() {
    this.isPlaying = false;
    this.isJump = true;
    if (this.next) this.turn();
    this.report();
  }
  seek({ at }) {
    this.position = at;
    this.isJump = true;
    this.stretcher?.reset();
    this.report();
  }
  repeat({ loop }) {
    this.loop = loop;
  }
  speed({ rate }) {
    this.stretcher = rate === 1 ? null : new Stretcher(sampleRate, rate, (left, right) => this.read(left, right));
    this.isJump = true;
  }
  close() {
    this.isClosed = true;
  }

  report(isEnd = false) {
    const heard = this.position - (this.stretcher?.ahead ?? 0);
    this.port.postMessage({ position: Math.max(heard, 0), isPlaying: this.isPlaying, isWaiting: this.isWaiting, turned: this.turned, isEnd });
  }

  process(_, [[left, right]]) {
    if (this.isClosed) return false;
    left.fill(0); right.fill(0);
    if (this.countIn) this.click(left, right);
    else if (this.isPlaying) {
      if (this.stretcher) this.stretcher.fill(left, right); else this.read(left, right);
      if (this.position >= this.total && !this.loop) {
        this.isPlaying = false;
        this.position = 0;
        this.isJump = true;
        this.report(true);
      }
    }
    this.declick(left, right);
    if (++this.numQuanta % REPORT_EVERY === 0 && this.isPlaying) this.report();
    return true;
  }

  // The next samples of the sum; silence while a track that is heard has none yet.
  read(left, right) {
    let done = 0;
    while (done < left.length) {
      if (this.loop && this.position >= this.loop.end) { this.position = this.loop.start; this.isJump = true; }
      const stop = this.loop ? Math.min(this.loop.end, this.total) : this.total;
      const number = Math.floor(this.position / this.chunkSamples), offset = this.position % this.chunkSamples;
      const length = Math.min(left.length - done, stop - this.position, this.chunkSamples - offset);
      if (length <= 0) break;
      let isThere = this.hasAll(this.tracks.values(), number, offset + length);
      if (this.next && (!isThere || this.hasAll(this.next, number, offset + length))) {
        this.turn();
        isThere = this.hasAll(this.tracks.values(), number, offset + length);
      }
      if (this.isWaiting === isThere) { this.isWaiting = !isThere; this.isJump = true; this.report(); }
      if (!isThere) break;
      for (const track of this.tracks.values()) this.add(track, number, offset, left, right, done, length);
      done += length;
      this.position += length;
    }
    for (const track of this.tracks.values()) {
      for (const side of [0, 1]) track.gains[side] += GLIDE * (track.target[side] - track.gains[side]);
    }
  }
  hasAll(tracks, number, until) {
    for (const { source, target } of tracks) {
      const isHeard = target[0] > 0 || target[1] > 0;
      if (isHeard && (this.stores.get(source)?.get(number)?.length ?? 0) < 2 * until) return false;
    }
    return true;
  }
  add(track, number, offset, left, right, done, length) {
    const pcm = this.stores.get(track.source)?.get(number);
    if (!pcm || pcm.length < 2 * (offset + length)) return;
    for (const [side, out] of [left, right].entries()) {
      const goal = GLIDE * (track.target[side] - track.gains[side]) / left.length / 32768;
      let gain = track.gains[side] / 32768 + done * goal, at = 2 * offset + (track.channel < 0 ? side : track.channel);
      for (let sample = done; sample < done + length; sample++, at += 2, gain += goal) out[sample] += gain * pcm[at];
    }
  }
  declick(left, right) {  // a step in the sound fades away
    for (const [side, out] of [left, right].entries()) {
      if (this.isJump) this.rest[side] = this.last[side] - out[0];
      let rest = this.rest[side];
      for (let sample = 0; sample < out.length; sample++, rest *= DECLICK) out[sample] += rest;
      this.rest[side] = Math.abs(rest) < 1e-6 ? 0 : rest;
      this.last[side] = out[out.length - 1];
    }
    this.isJump = false;
  }
  click(left, right) {  // a tick on each beat, the first one higher
    const { beats, samplesPerBeat } = this.countIn;
    for (let index = 0; index < left.length; index++) {
      const at = this.countIn.sample + index, beat = Math.floor(at / samplesPerBeat), age_s = (at - beat * samplesPerBeat) / sampleRate;
      if (beat < beats) left[index] = right[index] = 0.4 * Math.exp(-60 * age_s) * Math.sin(2 * Math.PI * (beat ? 1000 : 1500) * age_s);
    }
    this.countIn.sample += left.length;
    if (this.countIn.sample >= beats * samplesPerBeat) this.countIn = null;
  }
}

registerProcessor("mixer", Mixer);
