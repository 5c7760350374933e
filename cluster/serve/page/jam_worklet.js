// A jam's sound in one place: what the microphone hears leaves in pieces with their place, and the band's sound comes out at its own.

const PIECE_S = 0.02, KEPT_S = 8, TOLD_S = 0.1;
const MOST_AGAIN = 4;  // so often the last bar is played again while the band is late

class Leader extends AudioWorkletProcessor {  // tells { frame, pcm, peak }: the frame of the context that the piece begins with
  constructor() {
    super();
    this.piece = new Int16Array(Math.round(sampleRate * PIECE_S));
    this.silence = new Float32Array(128);
    this.length = this.peak = 0;
  }
  process([[sound = this.silence]]) {  // a microphone that was unplugged is silent
    sound.forEach((value, at) => {
      if (!this.length) this.frame = currentFrame + at;
      this.piece[this.length++] = Math.min(Math.max(Math.round(32768 * value), -32768), 32767);
      this.peak = Math.max(this.peak, Math.abs(value));
      if (this.length === this.piece.length) {
        this.port.postMessage({ frame: this.frame, pcm: this.piece.slice(), peak: this.peak });
        this.length = this.peak = 0;
      }
    });
    return true;
  }
}

class Band extends AudioWorkletProcessor {  // is told { begin, due }, the frame at which its first sample sounds and the first sample that can be there in time, { bar }, how many samples a bar has, and { start, pcm }
  constructor() {
    super();
    this.kept = Math.round(KEPT_S * sampleRate);
    this.ring = [new Float32Array(this.kept), new Float32Array(this.kept)];
    this.begin = this.due = Infinity;
    this.filled = this.missed = this.bar = 0;
    this.told = currentFrame;
    this.least = Infinity;
    this.port.onmessage = ({ data }) => (data.pcm ? this.take(data) : Object.assign(this, data));
  }
  take({ start, pcm }) {
    for (let at = 0; at < pcm.length / 2; at++) {
      for (const side of [0, 1]) this.ring[side][(start + at) % this.kept] = pcm[2 * at + side] / 32768;
    }
    this.filled = start + pcm.length / 2;
  }
  process(_, [output]) {
    const first = currentFrame - this.begin;
    for (let at = 0; at < output[0].length; at++) {
      const place = first + at;
      const late = place - this.filled + 1, bar = Math.min(this.bar, this.filled);
      const again = late <= 0 ? place : late <= MOST_AGAIN * bar && !this.hasEnded ? place - bar * Math.ceil(late / bar) : -1;
      if (again >= 0) output.forEach((side, index) => { side[at] = this.ring[index][again % this.kept]; });
      if (late > 0 && place >= this.due && !this.hasEnded) this.missed++;
    }
    if (first >= this.due && !this.hasEnded) this.least = Math.min(this.least, this.filled - first - output[0].length);
    if (currentFrame - this.told > TOLD_S * sampleRate) {
      this.port.postMessage({ missed_s: this.missed / sampleRate, ahead_s: this.least / sampleRate });
      this.told = currentFrame;
      this.least = Infinity;
    }
    return true;
  }
}

registerProcessor("jam-leader", Leader);
registerProcessor("jam-band", Band);
