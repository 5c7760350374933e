// The chart: bars and chords to click, doubts with their second choice, tempo, sections and the text itself.

import { byId } from "./desk.js";
import { button, doing, h } from "./dom.js";
import { ask, songPath } from "./server.js";

const TAPS_PAUSE_MS = 2500;
const MIN_TAPS = 4;

export class ChartView {
  // play(text) plays by another chart; edit(edits) asks for another redo; hear(bar) plays from a bar, loopTo(bar) loops up to it.
  constructor({ play, edit, hear, loopTo }) {
    Object.assign(this, { play, edit, hear, loopTo, taps: [] });
    byId("half-tempo").addEventListener("click", () => this.hearAnew({ tempo_bpm: null, beat_level: "half" }));
    byId("double-tempo").addEventListener("click", () => this.hearAnew({ tempo_bpm: null, beat_level: "double" }));
    byId("tap").addEventListener("click", () => this.tap());
    byId("use-tap").addEventListener("click", () => this.correct({ tempo_bpm: this.tapped_bpm }));
    byId("play-chart").addEventListener("click", doing(() => this.playText(), false));
    byId("chord-cancel").addEventListener("click", () => byId("chord-dialog").close());
    byId("chord-form").addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
  }
  set(desk, song, canEdit) {
    Object.assign(this, { desk, song, canEdit, text: desk.chart });
    byId("tempo-bpm").textContent = `${desk.tempo_bpm.toFixed(1)} bpm`;
    byId("key").textContent = desk.key;
    byId("chart-text").value = desk.chart;
    byId("chart-problem").textContent = "";
    byId("use-tap").hidden = true;
    byId("tapped").textContent = "";
    this.buttons = new Map();
    const sections = new Map(desk.sections.map((section) => [section.bar, section]));
    byId("chart").replaceChildren(...desk.bars.map((bar) => this.bar(bar, sections.get(bar.number))));
    const doubts = desk.doubts.filter((doubt) => doubt.what !== "chord");
    byId("doubts").replaceChildren(...doubts.map((doubt) => h("p", { class: "doubt" }, `Unsure of the ${doubt.what}: heard ${doubt.heard}. `,
      button(`Take ${doubt.other}`, () => this.edit(doubt.edits)))));
  }
  bar(bar, section) {
    const number = button(`${bar.number || ""}${bar.is_doubtful ? "?" : ""}`, (event) => (event.shiftKey ? this.loopTo(bar.number) : this.hear(bar.number)),
      { class: "bar-number", "aria-label": bar.number ? `Play from bar ${bar.number}` : "Play from the pickup", title: "Play from here; with Shift, loop up to here" });
    let beat = 1;
    const chords = bar.chords.map((chord) => {
      const at = beat;
      beat += chord.num_beats;
      return this.chord(bar, chord, at);
    });
    const item = h("li", { "data-bar": String(bar.number) }, h("div", { class: "bar-head" }, number, section && this.section(section)), h("div", { class: "chords" }, ...chords));
    this.buttons.set(bar.number, item);
    return item;
  }
  chord(bar, { name, num_beats, other }, beat) {
    const edit = button(name, () => this.open(bar, beat), { class: other ? "chord unsure" : "chord", disabled: !this.canEdit || !bar.chart_bar, "aria-label": `${name}, bar ${bar.number}, beat ${beat}: change it` });
    const second = other && this.canEdit && bar.chart_bar && button(`or ${other}`, doing(() => this.change({ bar: bar.chart_bar, beat, chord: other })), { class: "second", "aria-label": `or ${other} in bar ${bar.number}, instead of ${name}` });
    const box = h("div", {}, edit, second);
    box.style.flexGrow = num_beats;
    return box;
  }
  section({ name: given, bar: number, energy }) {
    const name = given || "the beginning", bar = this.desk.bars.find((one) => one.number === number).chart_bar;
    const words = (value) => `${Math.round(100 * value)} %`;
    const slider = h("input", { type: "range", min: "0", max: "1", step: "0.05", class: "energy", title: `Energy: ${energy === null ? "as the leader plays" : words(energy)}`, "aria-label": `Energy of ${name}`,
      "aria-valuetext": energy === null ? "as the leader plays" : words(energy), onchange: doing(() => this.change({ bar, energy: Number(slider.value) })) });
    slider.value = energy ?? 0.5;
    return [given && h("b", { class: "section" }, given), this.canEdit && h("span", { class: "caption", "aria-hidden": "true" }, "energy"), this.canEdit && slider];
  }
  showBar(number) {
    this.now?.classList.remove("is-now");
    this.now = this.buttons?.get(number);
    this.now?.classList.add("is-now");
  }
  showLoop(bars) {
    for (const [number, item] of this.buttons ?? []) item.classList.toggle("is-looped", bars !== null && number >= bars.first && number <= bars.last);
  }

  // Changes.
  async change(change) {
    const { text } = await ask("POST", songPath(this.song, "chart", "edit"), { text: this.text, ...change });
    await this.play(text);
    this.text = text;  // what is changed next is changed in it, before it is played
  }
  correct(said) {  // of the whole song: in its chart where it has one, else it is heard anew
    if (this.desk.overrides.chart) doing(() => this.change(said))(); else this.hearAnew(said);
  }
  hearAnew(said) {
    const { chart: _, ...kept } = this.desk.overrides;
    this.edit({ overrides: { ...kept, ...said } });
  }
  tap() {
    const now = performance.now();
    if (now - this.taps.at(-1) > TAPS_PAUSE_MS) this.taps = [];
    this.taps.push(now);
    const gaps = this.taps.slice(1).map((at, index) => at - this.taps[index]).sort((one, other) => one - other);
    byId("use-tap").hidden = this.taps.length < MIN_TAPS;
    byId("tapped").textContent = this.taps.length < MIN_TAPS ? "Go on tapping with the music" : "";
    if (!gaps.length) return;
    this.tapped_bpm = Math.round(60000 / gaps[gaps.length >> 1]);
    byId("use-tap").textContent = `Use ${this.tapped_bpm} bpm`;
  }
  async playText() {
    byId("chart-problem").textContent = "";
    try {
      const { text } = await ask("POST", songPath(this.song, "chart", "validate"), { text: byId("chart-text").value });
      await this.play(text);
    } catch (problem) {
      byId("chart-problem").textContent = problem.message;
    }
  }
  open(bar, beat) {
    let at = 1;
    const chord = bar.chords.find(({ num_beats }) => (at += num_beats) > beat);
    this.place = { bar, beat };
    const section = this.desk.sections.find((one) => one.bar === bar.number)?.name ?? "";
    byId("chord-dialog-title").textContent = `Bar ${bar.number}, beat ${beat}`;
    byId("chord-input").value = this.chordBefore = chord.name;
    byId("section-input").value = this.sectionBefore = section;
    byId("chord-problem").textContent = "";
    const choices = new Set([chord.other, ...this.desk.bars.flatMap(({ chords }) => chords.map(({ name }) => name))]);
    choices.delete(null); choices.delete(chord.name);
    byId("chord-choices").replaceChildren(...[...choices].slice(0, 8).map((name) => button(name, () => { byId("chord-input").value = name; byId("chord-input").focus(); })));
    byId("chord-dialog").showModal();
    byId("chord-input").select();
  }
  async save() {
    const { bar, beat } = this.place, chord = byId("chord-input").value.trim(), section = byId("section-input").value.trim();
    const change = { bar: bar.chart_bar, ...(chord !== this.chordBefore && { beat, chord }), ...(section !== this.sectionBefore && { section }) };
    if (Object.keys(change).length === 1) { byId("chord-dialog").close(); return; }
    try {
      await this.change(change);
      byId("chord-dialog").close();
    } catch (problem) {
      byId("chord-problem").textContent = problem.message;
    }
  }
}
