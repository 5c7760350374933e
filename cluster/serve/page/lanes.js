// The lanes: one for the leader and one for each part, with everything that can be done to it.

import { amplitude, byId } from "./desk.js";
import { button, h, options, spoken } from "./dom.js";

const OFF_DB = -40;  // a fader at its lowest

export class Lanes {
  // edit(edits) asks for a redo; levels() says that what is heard has changed; loopBars() are bars to roll, or null.
  constructor({ edit, levels, loopBars }) {
    Object.assign(this, { edit, levels, loopBars, desk: null, mixes: new Map(), rows: new Map() });
  }
  mixOf(name) {  // how somebody listens to a lane, whatever the version
    if (!this.mixes.has(name)) this.mixes.set(name, { isMuted: false, isSolo: false, volume_db: 0, asked_db: null });
    return this.mixes.get(name);
  }
  forget() {
    this.mixes.clear();
  }
  forgetAsked() {  // gains that were asked for and will not come
    for (const mix of this.mixes.values()) mix.asked_db = null;
  }

  set(desk, { canEdit, instruments }) {
    this.desk = desk;
    this.rows = new Map(desk.lanes.map((lane) => [lane.name, this.row(lane, canEdit, instruments)]));
    byId("lanes").replaceChildren(...[...this.rows.values()].map(({ article }) => article));
  }
  // What the player mixes: `base` is the address of the version or job.
  tracks(base) {
    return this.desk.lanes.map((lane) => {
      const mix = this.mixOf(lane.name), { wanted } = this.rows.get(lane.name);
      const volume_db = mix.volume_db <= OFF_DB ? -Infinity : mix.volume_db;
      return {
        name: lane.name, source: `${base}/${this.desk.take}/${lane.name}`, isMuted: mix.isMuted, isSolo: mix.isSolo,
        gain: amplitude(lane.level_db), volume: amplitude(volume_db + wanted.gain_db - lane.gain_db),
        pan: wanted.pan, soundsPan: lane.pan,
      };
    });
  }
  pictures() {
    return [...this.rows.values()].map(({ picture }) => picture);
  }

  row(lane, canEdit, instruments) {
    const mix = this.mixOf(lane.name), isPart = lane.kind === "part";
    if (mix.asked_db !== null && Math.abs(mix.asked_db - lane.gain_db) < 0.01) mix.asked_db = null;  // it is there
    const wanted = { gain_db: mix.asked_db ?? lane.gain_db, pan: lane.pan };
    const canvas = h("canvas", { "aria-hidden": "true" });
    const toggle = (letter, words, flag) => {
      const control = button(letter, () => {
        mix[flag] = !mix[flag];
        control.setAttribute("aria-pressed", mix[flag]);
        this.levels();
      }, { "aria-pressed": String(mix[flag]), "aria-label": `${words} ${lane.name}`, title: words });
      return control;
    };
    const decibels = (value) => (value <= OFF_DB ? "off" : `${value} dB`);
    const volume = canEdit
      ? this.slider(wanted.gain_db, -30, 12, 0.5, `Gain of ${lane.name}`, decibels, (value) => { wanted.gain_db = value; this.levels(); }, (value) => this.askGain(lane, mix, value))
      : this.slider(mix.volume_db, OFF_DB, 6, 0.5, `Volume of ${lane.name}`, decibels, (value) => { mix.volume_db = value; this.levels(); });
    volume.classList.add("volume");
    const article = h("article", { class: `track ${isPart ? "stem" : "leader"}`, "data-name": lane.name },
      h("div", { class: "row wave" },
        h("div", { class: "side" },
          h("h3", {}, lane.name, h("span", { class: "lane-state", role: "status" })),
          isPart && canEdit ? this.instrument(lane, instruments) : h("p", { class: "about" }, isPart ? spoken(lane.instrument) : lane.kind === "room" ? "of all parts" : "as recorded"),
          h("div", { class: "strip" }, toggle("M", "Mute", "isMuted"), toggle("S", "Solo", "isSolo"), volume),
          isPart && canEdit && this.tools(lane, wanted)),
        h("div", { class: "lane" }, canvas, h("i", { class: "arrived", hidden: true }))));
    article.style.setProperty("--hue", lane.hue);
    return { article, wanted, picture: { canvas, peaks: null, name: lane.name } };
  }
  slider(value, min, max, step, label, words, moved, kept = () => {}) {
    const control = h("input", { type: "range", min: String(min), max: String(max), step: String(step), "aria-label": label, "aria-valuetext": words(value), title: words(value) });
    control.value = value;
    control.addEventListener("input", () => {
      const said = words(Number(control.value));
      control.setAttribute("aria-valuetext", said);
      control.title = said;
      moved(Number(control.value));
    });
    control.addEventListener("change", () => kept(Number(control.value)));
    return control;
  }
  askGain(lane, mix, value) {  // an edit adds to what was asked for before it
    const more_db = value - (mix.asked_db ?? lane.gain_db);
    mix.asked_db = value;
    this.edit({ gain_db: { [lane.name]: more_db } });
  }
  instrument(lane, instruments) {
    const isDrums = (one) => one.family === "drums";
    const own = instruments.find(({ name }) => name === lane.instrument);
    const fit = instruments.filter((one) => own && isDrums(one) === isDrums(own)).map(({ name }) => name);
    const select = h("select", { class: "about", "aria-label": `Instrument of ${lane.name}`, onchange: () => this.edit({ instrument: { [lane.name]: select.value } }) });
    options(select, fit.length ? fit : [lane.instrument], lane.instrument);
    select.disabled = fit.length < 2;
    return select;
  }
  tools(lane, wanted) {
    const { name } = lane;
    const roll = button("Roll again", () => {
      const bars = this.loopBars(), seed = Math.floor(Math.random() * 2 ** 31);
      this.edit({ parts: [name], seed, ...(bars && { from_bar: bars.first, to_bar: bars.last }) });
    }, { class: "roll", disabled: lane.is_locked, "aria-label": `Roll again: ${name}`, title: lane.is_locked ? "Unlock it first" : "Another take of this part; of the looped bars alone while bars loop" });
    const lock = button(lane.is_locked ? "Locked" : "Lock", () => this.edit(lane.is_locked ? { unlock: [name] } : { lock: [name] }),
      { class: "lock", "aria-pressed": String(lane.is_locked), "aria-label": `Lock ${name}`, title: "A locked part keeps what it plays, whatever else changes" });
    const percent = (value) => `${Math.round(100 * value)} %`;
    const side = (value) => (value === 0 ? "centre" : `${Math.round(100 * Math.abs(value))} % ${value < 0 ? "left" : "right"}`);
    return h("div", { class: "tools" }, roll, lock,
      h("details", { class: "more" }, h("summary", { "aria-label": `More for ${name}` }, "More"),
        h("div", { class: "panel" },
          h("label", {}, "Pan", this.slider(lane.pan, -1, 1, 0.05, `Pan of ${name}`, side, (value) => { wanted.pan = value; this.levels(); }, (value) => this.edit({ pan: { [name]: value } }))),
          h("label", {}, "Density", this.slider(lane.density ?? 0.5, 0, 1, 0.05, `Density of ${name}`, percent, () => {}, (value) => this.edit({ density: { [name]: value } }))),
          button("Leave it out", () => this.edit({ drop: [name] }), { "aria-label": `Leave ${name} out` }))));
  }

  // What a job does to the lanes: `parts` will sound otherwise (null: all of them), up to `ready` (0..1) they are there.
  showWork(parts, ready) {
    for (const [name, { article }] of this.rows) {
      const isStale = name !== "leader" && (parts === null || parts.includes(name));
      article.classList.toggle("is-stale", isStale);
      const words = !isStale ? "" : ready > 0 ? "being played" : "will change";
      const state = article.querySelector(".lane-state");
      if (state.textContent !== words) state.textContent = words;
      const arrived = article.querySelector(".arrived");
      arrived.hidden = !isStale || !ready;
      arrived.style.width = `${100 * ready}%`;
    }
  }
  showLevels(tracks, heard) {
    for (const track of tracks) this.rows.get(track.name)?.article.classList.toggle("is-unheard", heard(track) === 0);
  }
}
