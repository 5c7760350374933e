// Playing a song: where it is, loops to practise, half speed and a count-in, by buttons and by keys.

import { byId, clamp, clock, clockInWords } from "./desk.js";
import { doing, isTyping } from "./dom.js";

export class Transport {
  // The player makes the sound, the timeline and the chart show where it is.
  constructor({ player, timeline, chart }) {
    Object.assign(this, { player, timeline, chart, desk: null, loopBars: null });
    player.addEventListener("state", () => this.showState());
    const click = (id, action) => byId(id).addEventListener("click", action);
    click("play", () => this.toggle());
    click("loop", () => this.toggleLoop());
    click("slow", () => this.toggleSlow());
    click("play-count-in", ({ currentTarget }) => currentTarget.setAttribute("aria-pressed", currentTarget.getAttribute("aria-pressed") !== "true"));
    byId("seek").addEventListener("input", ({ target }) => this.seek(Number(target.value)));
    for (const id of ["loop-from", "loop-to"]) byId(id).addEventListener("change", () => this.readLoop());
    document.addEventListener("keydown", (event) => this.key(event));
  }
  set(desk, bars) {
    Object.assign(this, { desk, bars });
    byId("seek").max = desk.duration_s;
    byId("duration").textContent = `/ ${clock(desk.duration_s)}`;
    byId("loop-from").max = byId("loop-to").max = bars.last;
    if (this.loopBars) this.setLoop(this.loopBars);
  }
  close() {
    this.player.close();
    this.setLoop(null);
    this.showState();
    this.desk = null;
  }

  async play(at = this.player.position) {
    if (!this.player.node) return;
    const beat_s = this.bars.beats.length > 1 ? 60 / this.desk.tempo_bpm : 0.5;
    const isCounted = byId("play-count-in").getAttribute("aria-pressed") === "true" && !this.player.isPlaying;
    await this.player.play(at, isCounted ? { beats: this.desk.beats_per_bar, beat_s } : null);
    this.tick();
  }
  toggle() {
    if (this.player.isPlaying) this.player.pause(); else doing(() => this.play())();
  }
  seek(at) {
    if (this.desk) this.player.seek(clamp(at, 0, this.desk.duration_s));
  }
  tick() {
    this.showState();
    if (this.player.isPlaying && !this.isTicking) {
      this.isTicking = true;
      requestAnimationFrame(() => { this.isTicking = false; this.tick(); });
    }
  }
  showState() {
    if (!this.desk) return;
    const { player, bars } = this, at = player.position, beat = bars.beatAt(at);
    byId("play").classList.toggle("is-playing", player.isPlaying);
    byId("play").setAttribute("aria-label", player.isPlaying ? "Pause" : "Play");
    byId("player-section").classList.toggle("is-waiting", player.isPlaying && player.isWaiting);
    byId("player-section").classList.toggle("is-turning", player.isPlaying && player.isTurning);
    if (clock(at) !== this.shownTime) {  // ten times a second, not sixty
      this.shownTime = clock(at);
      byId("time").textContent = this.shownTime;
      byId("seek").value = at;
      byId("seek").setAttribute("aria-valuetext", clockInWords(at));
    }
    if (beat !== this.shownBeat || bars !== this.shownBars) {
      Object.assign(this, { shownBeat: beat, shownBars: bars });
      byId("bar").textContent = bars.beats.length ? bars.placeOf(beat) : "";
      byId("chord").textContent = bars.chords[Math.max(beat, 0)] ?? "";
      const next = bars.chords.findIndex((chord, index) => index > beat && chord !== bars.chords[Math.max(beat, 0)]);
      byId("next-chord").textContent = next < 0 ? "" : `then ${bars.chords[next]}`;
      this.chart.showBar(bars.barOf(beat));
    }
    this.timeline.show(at, player.isPlaying);
  }
  setLoop(loopBars) {  // first and last bar, or null
    this.loopBars = loopBars;
    const loop = loopBars && { start: this.bars.start(loopBars.first), end: this.bars.end(loopBars.last) };
    byId("loop").setAttribute("aria-pressed", loop !== null);
    byId("loop-bars").hidden = loop === null;
    if (loop) { byId("loop-from").value = loopBars.first; byId("loop-to").value = loopBars.last; }
    this.player.repeat(loop);
    this.timeline.showLoop(loop);
    this.chart.showLoop(loopBars);
  }
  toggleLoop() {
    if (!this.bars?.last) return;
    const first = clamp(this.bars.barAt(this.player.position), 1, this.bars.last);
    this.setLoop(this.loopBars ? null : { first, last: Math.min(first + 3, this.bars.last) });
  }
  loopUpTo(bar) {
    if (bar) this.setLoop({ first: Math.min(this.loopBars?.first ?? bar, bar), last: bar });
  }
  readLoop() {
    const barIn = (field) => clamp(Math.round(Number(byId(field).value)) || 1, 1, this.bars.last);
    const first = barIn("loop-from");
    this.setLoop({ first, last: Math.max(first, barIn("loop-to")) });
  }
  toggleSlow() {
    this.player.slow(this.player.rate === 1 ? 0.5 : 1);
    byId("slow").setAttribute("aria-pressed", this.player.rate !== 1);
  }
  key(event) {
    const { target } = event;
    if (!this.desk || isTyping(target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !target.closest("button, summary, a")) { event.preventDefault(); this.toggle(); }
    if (target.matches("input")) return;
    const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (turn) {
      event.preventDefault();
      const at = this.player.position;
      this.seek(event.shiftKey && this.bars.last ? this.bars.start(clamp(this.bars.barAt(at + 0.01) + turn, 1, this.bars.last)) : at + 5 * turn);
    }
    if (event.key === "l") this.toggleLoop();
    if (event.key === "h") this.toggleSlow();
    if (event.key === "Home") { event.preventDefault(); this.seek(0); }
  }
}
