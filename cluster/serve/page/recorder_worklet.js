// Hands what the microphone hears to the page, a twentieth of a second at a time: 16-bit samples and their highest level.

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(Math.round(sampleRate / 20));
    this.length = 0;
    this.peak = 0;
  }
  process([[sound]]) {
    for (const value of sound ?? []) {
      this.piece[this.length++] = Math.round(32767 * Math.min(Math.max(value, -1), 1));
      this.peak = Math.max(this.peak, Math.abs(value));
      if (this.length === this.piece.length) {
        this.port.postMessage({ pcm: this.piece.slice(), peak: this.peak, ends_s: currentTime });
        this.length = this.peak = 0;
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
