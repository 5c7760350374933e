// The sound of a jam on this computer: the microphone in, the band out, in step; and how long sound takes from the one to the other.

import { microphone } from "./recorder.js";
import { Refusal } from "./server.js";

const RATES = [16000, 32000, 44100, 48000], USUAL_RATE = 48000;
const BEEPS = 4, BEEP_S = 0.03, APART_S = 0.4, FROM_HZ = 1000, TO_HZ = 5000;
const CLEAR = 8, ALIKE_S = 0.003;  // how far a beep stands out, and how much the beeps may differ

export class JamSound {
  // heard({ frame, pcm, peak }): a piece of the microphone. told({ missed_s, ahead_s }): how much of the band came too late, and how far it was ahead.
  constructor({ heard, told }) {
    Object.assign(this, { heard, told });
  }
  async open() {
    if (!window.AudioWorkletNode) throw new Refusal({ code: "no_worklet", message: "This browser cannot play along (it has no AudioWorklet, or the page did not come over https).", cure: "Take another browser, or `ensemble live` in a terminal" });
    this.stream = await microphone("press Jam again");
    this.context = new AudioContext({ latencyHint: 0 });
    if (!RATES.includes(this.context.sampleRate)) {
      await this.context.close();
      this.context = new AudioContext({ latencyHint: 0, sampleRate: USUAL_RATE });
    }
    try {
      await this.context.audioWorklet.addModule("/page/jam_worklet.js");
      await this.context.resume();
      this.source = this.context.createMediaStreamSource(this.stream);
    } catch {
      await this.close();
      throw new Refusal({ code: "rate", message: `The microphone runs at another rate than ${USUAL_RATE} Hz, and this browser cannot convert it.`, cure: "Set it to 48000 Hz, or take another browser" });
    }
    this.leader = new AudioWorkletNode(this.context, "jam-leader", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.band = new AudioWorkletNode(this.context, "jam-band", { numberOfInputs: 0, outputChannelCount: [2] });
    this.volume = new GainNode(this.context);
    this.leader.port.onmessage = ({ data }) => this.heard(data);
    this.band.port.onmessage = ({ data }) => this.told(data);
    this.source.connect(this.leader);
    this.band.connect(this.volume).connect(this.context.destination);
    return this;
  }
  get rate() {
    return this.context.sampleRate;
  }
  get guessed_s() {  // what the browser says of its way out; nobody says how long the way in is
    return this.context.baseLatency + (this.context.outputLatency || 0) + 0.02;
  }
  // The leader's stream begins at a frame of the context; the band's sound goes out so much sooner than it is due, and is silent for a horizon.
  begin(frame, ahead_s, horizon_s) {
    this.band.port.postMessage({ begin: frame - Math.round(ahead_s * this.rate), due: Math.round(horizon_s * this.rate) });
  }
  play(start, pcm) {
    this.band.port.postMessage({ start, pcm }, [pcm.buffer]);
  }
  setBar(seconds) {  // what goes on while the band is late
    this.band.port.postMessage({ bar: Math.round(Math.min(seconds, 4) * this.rate) });
  }
  end() {  // what is there rings out
    this.band.port.postMessage({ hasEnded: true });
    this.source.disconnect();
    for (const track of this.stream.getTracks()) track.stop();
  }
  async close() {  // also where it was not opened, or only half
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context && this.context.state !== "closed") await this.context.close();
  }

  // Plays beeps, and hears when they come back: the round trip in seconds.
  async roundTrip() {
    const { rate, heard } = this, beep = chirp(rate), pieces = [];
    this.heard = (piece) => pieces.push(piece);
    const buffer = new AudioBuffer({ length: beep.length, sampleRate: rate });
    buffer.copyToChannel(beep, 0);
    const first_s = this.context.currentTime + 0.2;
    for (let number = 0; number < BEEPS; number++) {
      const node = new AudioBufferSourceNode(this.context, { buffer });
      node.connect(this.context.destination);
      node.start(first_s + number * APART_S);
    }
    await new Promise((done) => setTimeout(done, 1000 * (0.4 + (BEEPS + 1) * APART_S)));
    this.heard = heard;
    const starts = Array.from({ length: BEEPS }, (_, number) => Math.round((first_s + number * APART_S) * rate));
    return delayOf(pieces, starts, beep, rate);
  }
}

// A sweep that nothing else sounds like.
export function chirp(rate) {
  const length = Math.round(BEEP_S * rate);
  return Float32Array.from({ length }, (_, at) => {
    const seconds = at / rate, phase = 2 * Math.PI * (FROM_HZ * seconds + (TO_HZ - FROM_HZ) * seconds ** 2 / (2 * BEEP_S));
    return 0.5 * Math.sin(phase) * Math.sin(Math.PI * at / length) ** 2;
  });
}

// How much later than each start, in frames, the beep is in what was heard, in seconds: the middle of them. A matched filter;
// the beep is there where its peak stands clear of the rest, in most of the places, at the same delay.
export function delayOf(pieces, starts, beep, rate) {
  const origin = pieces[0]?.frame ?? 0, sound = new Float32Array(pieces.reduce((sum, { pcm }) => sum + pcm.length, 0));
  for (const { frame, pcm } of pieces) for (let at = 0; at < pcm.length; at++) if (frame - origin + at < sound.length) sound[frame - origin + at] = pcm[at];
  const found = [];
  for (const start of starts) {
    const strength = new Float32Array(Math.round(APART_S * rate));
    for (let delay = 0; delay < strength.length; delay++) {
      const from = start - origin + delay;
      if (from < 0 || from + beep.length > sound.length) continue;
      let sum = 0;
      for (let at = 0; at < beep.length; at++) sum += beep[at] * sound[from + at];
      strength[delay] = Math.abs(sum);
    }
    const best = strength.reduce((at, value, here) => (value > strength[at] ? here : at), 0);
    const usual = strength.reduce((sum, value) => sum + value, 0) / strength.length;
    if (usual && strength[best] > CLEAR * usual) found.push(best / rate);
  }
  found.sort((one, other) => one - other);
  const middle = found[found.length >> 1];
  const alike = found.filter((one) => Math.abs(one - middle) < ALIKE_S);
  if (alike.length <= starts.length / 2) throw new Refusal({ code: "unheard", message: "The beeps were not heard.", cure: "Hold a headphone to the microphone and measure again, or type the round trip" });
  return middle;
}
