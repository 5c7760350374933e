// The sheet: waveforms with beats and bars, sections and chords above them, the playhead, the loop, and bar 1 that can be moved.

import { byId, clamp, follow, maxZoom, thinLabels } from "./desk.js";
import { h } from "./dom.js";

const PEAKS_PER_S = 50;
const MIN_LINE_PX = 7;  // beats that lie closer are not drawn
const MIN_LOUDEST = 12;  // of 127: a quieter lane is not drawn as high as the others

export class Timeline {
  // seek(seconds), editChord(bar, beat) and moveBarOne(seconds) are what clicks and drags ask for.
  constructor({ seek, editChord, moveBarOne }) {
    Object.assign(this, { seek, editChord, moveBarOne, zoom: 1, pictures: [], duration: 1 });
    this.view = byId("timeline"); this.sheet = byId("sheet"); this.ruler = byId("ruler");
    byId("in").addEventListener("click", () => this.setZoom(2 * this.zoom));
    byId("out").addEventListener("click", () => this.setZoom(this.zoom / 2));
    this.sheet.addEventListener("click", (event) => {
      if (event.target.closest("button")) return;
      const lane = event.target.closest(".lane");
      if (lane) this.seek(this.secondsAt(event.clientX, lane));
    });
    this.view.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.layOut()).observe(this.view);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }
  secondsAt(clientX, lane) {
    const box = lane.getBoundingClientRect();
    return clamp((clientX - box.left) / box.width, 0, 1) * this.duration;
  }
  percent(seconds) {
    return `${100 * clamp(seconds / this.duration, 0, 1)}%`;
  }

  // desk: as the server gives it; bars: `Bars` of it; canEdit: whether chords and bar 1 are buttons.
  set(desk, bars, canEdit) {
    Object.assign(this, { desk, bars, duration: desk.duration_s });
    this.maxZoom = maxZoom(this.duration);
    const labels = [];
    for (const bar of desk.bars) {
      if (bar.number > 1 || (bar.number === 1 && !canEdit)) labels.push(h("i", { class: "bar-label", "data-at": this.percent(bar.start_s) }, `${bar.number}${bar.is_doubtful ? "?" : ""}`));
      let beat = 1;
      for (const { name, num_beats, other, start_s } of bar.chords) {
        const at = beat;
        beat += num_beats;
        const label = h("button", { type: "button", class: other ? "chord-label is-unsure" : "chord-label", "data-at": this.percent(start_s), "data-beats": String(num_beats), tabIndex: -1,
          title: other ? `Unsure: may be ${other}` : "", disabled: !canEdit || !bar.chart_bar, onclick: () => this.editChord(bar, at) }, name, other ? "?" : "");
        labels.push(label);
      }
    }
    const named = desk.sections.filter(({ name }) => name);
    for (const { name, start_s } of named) labels.push(h("b", { class: "section-label", "data-at": this.percent(start_s) }, name));
    for (const label of labels) label.style.left = label.dataset.at;
    this.ruler.replaceChildren(...labels, ...(canEdit && bars.last ? [this.barOne()] : []));
    byId("caption-sections").hidden = !named.length;
    this.ruler.parentElement.classList.toggle("has-sections", named.length > 0);
    this.layOut();
  }
  barOne() {  // the first downbeat, to be dragged to another beat or moved with the arrow keys
    const { bars } = this;
    let beat = bars.downbeats[0];
    const handle = h("button", { type: "button", class: "bar-one", title: "Bar 1 begins here: drag it to another beat", "aria-label": "Bar 1: arrow keys move it by a beat, Enter keeps it" }, "1");
    const move = (to) => {
      beat = clamp(to, 0, bars.beats.length - 1);
      handle.style.left = this.percent(bars.beats[beat]);
    };
    const keep = () => { if (beat !== bars.downbeats[0]) this.moveBarOne(bars.beats[beat]); };
    move(beat);
    handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); event.preventDefault(); handle.focus(); });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const at = this.secondsAt(event.clientX, this.ruler);
      const before = Math.max(bars.beatAt(at), 0);
      const isNearerAfter = before + 1 < bars.beats.length && bars.beats[before + 1] - at < at - bars.beats[before];
      move(isNearerAfter ? before + 1 : before);
    });
    handle.addEventListener("pointerup", keep);
    handle.addEventListener("pointercancel", () => move(bars.downbeats[0]));
    handle.addEventListener("keydown", (event) => {
      const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (turn) { event.preventDefault(); event.stopPropagation(); move(beat + turn); }
      if (event.key === "Escape") move(bars.downbeats[0]);
      if (event.key === "Enter") { event.preventDefault(); keep(); }
    });
    return handle;
  }

  // Waveforms. Of each picture: canvas, and once they are there peaks (int8 pairs, 50 a second, full scale 127) and the loudest of them.
  setPictures(pictures) {
    this.pictures = pictures;
    this.draw();
  }
  layOut() {
    if (!this.desk) return;
    this.sheet.style.setProperty("--zoom", this.zoom);
    byId("out").disabled = this.zoom === 1;
    byId("in").disabled = this.zoom >= this.maxZoom;
    for (const kind of [".bar-label", ".chord-label", ".section-label"]) thinLabels([...this.ruler.querySelectorAll(kind)]);
    this.draw();
  }
  draw() {
    if (this.isDrawing || !this.desk) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      for (const picture of this.pictures) this.drawOne(picture);
    });
  }
  drawOne({ canvas, peaks, loudest }) {
    const lane = canvas.parentElement;
    if (!lane) return;
    const visible = this.view.clientWidth - (lane.getBoundingClientRect().left - this.sheet.getBoundingClientRect().left);
    const width = Math.min(visible, lane.clientWidth), height = lane.clientHeight, scale = devicePixelRatio || 1;
    if (width <= 0) return;
    const from_px = clamp(this.view.scrollLeft, 0, lane.clientWidth - width);
    canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`; canvas.style.left = `${from_px}px`;
    const brush = canvas.getContext("2d"), style = getComputedStyle(canvas), secondsPerPx = this.duration / lane.clientWidth;
    brush.scale(scale, scale);
    const line = (seconds, opacity) => { brush.globalAlpha = opacity; brush.fillRect(seconds / secondsPerPx - from_px, 0, 1, height); };
    const { beats, downbeats } = this.bars, opens = new Set(downbeats), beat_px = this.duration / Math.max(beats.length, 1) / secondsPerPx;
    brush.fillStyle = style.getPropertyValue("--line");
    for (const [index, at] of beats.entries()) {
      if (opens.has(index)) line(at, 1); else if (beat_px > MIN_LINE_PX) line(at, 0.4);
    }
    brush.globalAlpha = 1;
    brush.fillStyle = style.color;
    const middle = height / 2, half = 0.46 * height / Math.max(loudest, MIN_LOUDEST);
    for (let x = 0; peaks && x < width; x++) {
      const first = Math.floor((from_px + x) * secondsPerPx * PEAKS_PER_S), stop = Math.max(first + 1, Math.floor((from_px + x + 1) * secondsPerPx * PEAKS_PER_S));
      let low = 0, high = 0;
      for (let index = 2 * first; index < 2 * stop && index < peaks.length; index += 2) { low = Math.min(low, peaks[index]); high = Math.max(high, peaks[index + 1]); }
      brush.fillRect(x, middle - half * high, 1, Math.max(half * (high - low), 1));
    }
  }

  setZoom(to) {
    this.zoom = clamp(to, 1, this.maxZoom ?? 1);
    this.layOut();
    this.show(this.at ?? 0, true);
  }
  show(at, isFollowing) {
    this.at = at;
    byId("playhead").style.transform = `translateX(${this.percent(at)})`;
    if (isFollowing && this.zoom > 1) follow(this.view, this.sheet, byId("playhead"));
  }
  showLoop(loop) {
    byId("region").hidden = loop === null;
    if (loop === null) return;
    byId("region").style.left = this.percent(loop.start);
    byId("region").style.width = this.percent(loop.end - loop.start);
  }
}
