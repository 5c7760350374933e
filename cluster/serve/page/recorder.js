// Records the microphone as it is: without echo cancellation, gain control or noise suppression.

import { Refusal } from "./server.js";

const PLAIN = { echoCancellation: false, autoGainControl: false, noiseSuppression: false };
const PROBLEMS = {
  NotAllowedError: ["The microphone is not allowed on this page.", "Allow it beside the address above and"],
  NotFoundError: ["No microphone was found.", "Plug one in and"],
  NotReadableError: ["Another program is using the microphone.", "Close it and"],
};

// The microphone's sound; where there is none, a sentence that ends with what to do then.
export async function microphone(thenDo) {
  if (!navigator.mediaDevices) throw new Refusal({ code: "insecure", message: "A browser records only on this computer itself or over https.", cure: `Open the studio there and ${thenDo}` });
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
  } catch (error) {
    const [message, cure] = PROBLEMS[error.name] ?? [`The microphone cannot be used (${error.message}).`, "Look at it and"];
    throw new Refusal({ code: error.name, message, cure: `${cure} ${thenDo}` });
  }
}

export class Recorder {
  // heard({ peak, seconds, isCounting }) is called twenty times a second.
  constructor(heard) {
    this.heard = heard;
  }

  // Asks for the microphone, counts in, and records until `stop`. countIn: { beats, beat_s }, or null.
  async start(countIn) {
    this.stream = await microphone("press Record again, or drop a file instead");
    this.context = new AudioContext({ latencyHint: 0 });
    await this.context.resume();
    this.pieces = [];
    this.begins_s = countIn ? count(this.context, countIn) : 0;
    const source = this.context.createMediaStreamSource(this.stream);
    if (this.context.audioWorklet) await this.recordSamples(source); else this.recordOpus();
  }
  async recordSamples(source) {
    await this.context.audioWorklet.addModule("/page/recorder_worklet.js");
    const node = new AudioWorkletNode(this.context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data: { pcm, peak, ends_s } }) => {
      const isCounting = ends_s < this.begins_s;
      if (!isCounting) this.pieces.push(pcm);
      this.heard({ peak, seconds: this.pieces.length / 20, isCounting });
    };
    source.connect(node);
  }
  recordOpus() {  // in a browser without AudioWorklet
    this.media = new MediaRecorder(this.stream, { audioBitsPerSecond: 256000 });
    this.media.ondataavailable = ({ data }) => {
      this.pieces.push(data);
      this.heard({ peak: null, seconds: this.pieces.length / 20, isCounting: false });
    };
    setTimeout(() => this.media.start(50), 1000 * Math.max(0, this.begins_s - this.context.currentTime));
  }

  // Ends the recording: a file, WAV of 16 bit (or Opus).
  async stop() {
    if (this.media?.state === "recording") {
      await new Promise((done) => { this.media.onstop = done; this.media.stop(); });
    }
    const { sampleRate } = this.context;
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
    if (this.media) return new File(this.pieces, "recording.webm", { type: "audio/webm" });
    return new File([wavHeader(this.pieces, sampleRate), ...this.pieces], "recording.wav", { type: "audio/wav" });
  }
}

// Ticks in the headphones from now on; the time at which the beat after them falls.
function count(context, { beats, beat_s }) {
  const first_s = context.currentTime + 0.1;
  for (let beat = 0; beat < beats; beat++) {
    const tick = new OscillatorNode(context, { frequency: beat ? 1000 : 1500 });
    const level = new GainNode(context, { gain: 0 });
    const at_s = first_s + beat * beat_s;
    level.gain.setValueAtTime(0.4, at_s);
    level.gain.exponentialRampToValueAtTime(0.001, at_s + 0.06);
    tick.connect(level).connect(context.destination);
    tick.start(at_s);
    tick.stop(at_s + 0.07);
  }
  return first_s + beats * beat_s;
}

function wavHeader(pieces, sampleRate) {
  const numBytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const header = new DataView(new ArrayBuffer(44));
  const word = (at, text) => [...text].forEach((sign, index) => header.setUint8(at + index, sign.charCodeAt(0)));
  word(0, "RIFF"); header.setUint32(4, 36 + numBytes, true); word(8, "WAVEfmt ");
  header.setUint32(16, 16, true); header.setUint16(20, 1, true); header.setUint16(22, 1, true);
  header.setUint32(24, sampleRate, true); header.setUint32(28, 2 * sampleRate, true);
  header.setUint16(32, 2, true); header.setUint16(34, 16, true);
  word(36, "data"); header.setUint32(40, numBytes, true);
  return header.buffer;
}
