// Slower at the same pitch, by WSOLA (Verhelst and Roelands, ICASSP 1993): overlapping pieces are read more slowly than they
// are written, each from where it continues the one before best.

const PIECE_S = 0.06;  // longer than two periods of a bass
const SEARCH_S = 0.012;
const SKIP = 4;  // samples that are compared: each fourth

export class Stretcher {
  // read(left, right) fills two arrays with the next samples of the sound; rate: 0.5 is half as fast.
  constructor(sampleRate, rate, read) {
    this.rate = rate;
    this.read = read;
    this.hop = Math.round(PIECE_S * sampleRate / 2);
    this.search = Math.round(SEARCH_S * sampleRate);
    this.fade = Float32Array.from({ length: this.hop }, (_, index) => 0.5 - 0.5 * Math.cos(Math.PI * (index + 0.5) / this.hop));
    this.input = [0, 1].map(() => new Float32Array(8 * this.hop + 2 * this.search));
    this.output = [0, 1].map(() => new Float32Array(this.hop));
    this.reset();
  }
  reset() {
    this.numInput = 0;  // samples in `input`
    this.tail = 0;  // where in `input` the last piece goes on
    this.place = 0;  // where in `input` the next piece would begin by the rate alone
    this.numOutput = 0;  // samples of `output` that are still to be heard
    this.isFirst = true;
  }
  get ahead() {  // samples that were read and are not heard yet
    return this.numInput - this.place + this.rate * this.numOutput;
  }
  fill(left, right) {
    for (let done = 0; done < left.length;) {
      if (!this.numOutput) this.step();
      const from = this.hop - this.numOutput, length = Math.min(this.numOutput, left.length - done);
      left.set(this.output[0].subarray(from, from + length), done);
      right.set(this.output[1].subarray(from, from + length), done);
      done += length;
      this.numOutput -= length;
    }
  }
  step() {  // the next hop of sound
    this.take(Math.round(this.place) + this.search + 2 * this.hop);
    const best = this.isFirst ? Math.round(this.place) : this.bestPlace();
    for (const side of [0, 1]) {
      for (let index = 0; index < this.hop; index++) {
        const rise = this.isFirst ? 1 : this.fade[index];
        this.output[side][index] = rise * this.input[side][best + index] + (1 - rise) * this.input[side][this.tail + index];
      }
    }
    this.tail = best + this.hop;
    this.place += this.rate * this.hop;
    this.numOutput = this.hop;
    this.isFirst = false;
    this.drop();
  }
  take(numWanted) {  // read until `input` holds so many
    if (numWanted <= this.numInput) return;
    const [left, right] = this.input.map((channel) => channel.subarray(this.numInput, numWanted));
    left.fill(0); right.fill(0);
    this.read(left, right);
    this.numInput = numWanted;
  }
  drop() {  // what is not needed again
    const gone = Math.max(0, Math.min(Math.floor(this.place) - this.search, this.tail));
    for (const channel of this.input) channel.copyWithin(0, gone, this.numInput);
    this.numInput -= gone; this.tail -= gone; this.place -= gone;
  }
  bestPlace() {  // near `place`, where the sound is most like what would follow the last piece
    const middle = Math.round(this.place);
    let best = middle, bestLikeness = -Infinity;
    for (let place = Math.max(0, middle - this.search); place <= middle + this.search; place += SKIP) {
      let product = 0, power = 1e-9;
      for (let index = 0; index < this.hop; index += SKIP) {
        const wanted = this.input[0][this.tail + index] + this.input[1][this.tail + index];
        const found = this.input[0][place + index] + this.input[1][place + index];
        product += wanted * found;
        power += found * found;
      }
      const likeness = product / Math.sqrt(power);
      if (likeness > bestLikeness) { bestLikeness = likeness; best = place; }
    }
    return best;
  }
}
