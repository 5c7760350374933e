// A jam: the player plays now, a band follows; and the same stage for those who watch.

import { byId, clock } from "./desk.js";
import { button, doing, h, isTyping, options, spoken, tell, wrong } from "./dom.js";
import { JamSound } from "./jam_sound.js";
import { Refusal, ask, songPath, socketTo } from "./server.js";

const PREFILL_S = 0.04, PIECE_S = 0.02, NETWORK_TRIES = 4;
const LOST_MS = 4000, GONE_S = 60;  // so long without a word the connection is lost; so long without a player the studio ends a session
const ASLEEP_S = 0.5;  // so much behind the clock on the wall, the computer or the tab has slept
const AGAIN_MS = 500, TAIL_MS = 2500;
const STEPS = { "<": ["gain", -1], ">": ["gain", 1], "-": ["density", -0.1], "+": ["density", 0.1] };
const PLAIN = { " ": "tap", o: "one", h: "half", d: "double" };
const VALUES = { gain: { min: -24, max: 12, step: 1, usual: 0 }, density: { min: 0, max: 1, step: 0.05, usual: 0.5 } };
const KEPT = "ensemble round trip";
const BEGINNINGS = [["8,0", "it listens for 8 beats first"], ["4,0", "it listens for 4 beats first"], ["0,0", "it comes in as soon as it can"], ["0,4", "it counts 4 beats, then we play"], ["0,8", "it counts 8 beats, then we play"]];

export class JamView {
  constructor() {
    options(byId("jam-begin"), BEGINNINGS, "8,0");
    this.trip = read();
    this.showTrip();
    byId("jam-measure").addEventListener("click", doing(() => this.measure(), false));
    byId("jam-trip").addEventListener("change", ({ target }) => this.setTrip({ seconds: Number(target.value) / 1000, how: "typed" }));
    byId("jam-start").addEventListener("click", doing(() => this.start(), false));
    byId("jam-stop").addEventListener("click", doing(() => this.stop(), false));
    byId("jam-share").addEventListener("click", doing(() => this.share()));
    byId("jam-style").addEventListener("change", ({ target }) => this.pull("style", target.value));
    byId("jam-volume").addEventListener("input", ({ target }) => { if (this.sound) this.sound.volume.gain.value = 10 ** (target.value / 20); });
    for (const kind of Object.values(PLAIN)) byId(`jam-${kind}`).addEventListener("pointerdown", () => this.pull(kind));
    for (const kind of Object.values(PLAIN)) byId(`jam-${kind}`).addEventListener("click", ({ detail }) => { if (!detail) this.pull(kind); });  // by the keyboard
    document.addEventListener("keydown", (event) => this.press(event));
    setInterval(() => this.look(), 1000);
  }
  choose({ bands, styles }) {
    this.styles = styles.map(({ name }) => name);
    options(byId("jam-band"), bands.map(({ name, parts }) => [name, `${spoken(name)}: ${parts.map((part) => spoken(part.name)).join(", ")}`]), "rock");
    options(byId("jam-first-style"), [["", "as the band likes"], ...styles.map(({ name, about }) => [name, `${spoken(name)}: ${about}`])], "");
    options(byId("jam-style"), [["", "as it began"], ...this.styles.map((name) => [name, spoken(name)])], "");
  }

  // A page: the player's own, or that of somebody who watches a session.
  open(id, role) {
    this.close();
    if (id) this.drop();
    this.watched = id ?? null;
    byId("jam").classList.toggle("is-reader", Boolean(id) || role === "reader");
    this.showStage(Boolean(id));
    if (id) this.say("Waiting for the band");
  }
  close() {
    if (this.socket) this.stop();
    else this.own = null;  // one that is only just beginning begins no more
    this.watched = null;
  }
  drop() {  // what still comes of an earlier session; the studio keeps it
    const { sound, socket } = this;
    this.sound = this.socket = null;
    socket?.close();
    sound?.close();
  }
  showStage(isOn) {
    byId("jam-setup").hidden = isOn;
    byId("jam-stage").hidden = !isOn;
    byId("jam-warnings").textContent = byId("jam-figures").textContent = byId("jam-chord").textContent = byId("jam-next").textContent = "";
    byId("jam-players").replaceChildren();
    byId("jam-beats").replaceChildren();
    byId("jam-links").replaceChildren();
  }
  say(words) {
    if (byId("jam-words").textContent !== words) byId("jam-words").textContent = words;
  }

  // The round trip: measured, typed, or what the browser says.
  async measure() {
    byId("jam-trip-words").textContent = "Beeping: hold a headphone to the microphone";
    const sound = new JamSound({ heard: () => {}, told: () => {} });
    try {
      await sound.open();
      this.setTrip({ seconds: await sound.roundTrip(), how: "measured" });
    } finally {
      await sound.close();
      this.showTrip();
    }
  }
  setTrip(trip) {
    this.trip = trip;
    try { localStorage.setItem(KEPT, JSON.stringify(trip)); } catch { /* a browser that keeps nothing */ }
    this.showTrip();
  }
  showTrip() {
    byId("jam-trip").value = this.trip ? Math.round(1000 * this.trip.seconds) : "";
    byId("jam-trip-words").textContent = this.trip ? `${Math.round(1000 * this.trip.seconds)} ms, ${this.trip.how}` : "Not measured yet: what the browser says is taken";
  }

  // A session.
  async start() {
    this.drop();
    const own = this.own = { begin: null, missed_s: 0, ahead_s: null, isOver: false };
    const sound = new JamSound({ heard: (piece) => this.hear(piece), told: (said) => Object.assign(own, said) });
    let order;
    try {
      await sound.open();
      if (this.own !== own) return;  // the page was left meanwhile, or Jam pressed again
      this.trip_s = this.trip?.seconds ?? sound.guessed_s;
      order = await this.order(sound.rate);
      if (this.own !== own) return;
      this.sound = sound;
    } finally {
      if (this.sound !== sound) await sound.close();
    }
    this.showStage(true);
    this.say("The band is coming");
    byId("jam-style").value = "";
    this.connect(order);
  }
  async order(sample_rate) {
    const [listen, count] = byId("jam-begin").value.split(",").map(Number);
    const number = (id) => Number(byId(id).value) || null;
    return {
      band: byId("jam-band").value, style: byId("jam-first-style").value || null, sample_rate, listen_beats: listen, count_in_beats: count,
      way_s: Math.min(this.trip_s + await networkTrip() + PREFILL_S + PIECE_S, 1.5),
      overrides: { tempo_bpm: number("jam-tempo"), beats_per_bar: number("jam-metre"), key: byId("jam-key").value.trim() || null, chart: byId("jam-chart").value.trim() || null },
    };
  }
  connect(order) {
    const socket = this.socket = socketTo(order ? "/api/jam" : `/api/jam?session=${this.own.id}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { if (order) socket.send(JSON.stringify(order)); };
    this.heard_ms = performance.now();
    socket.onmessage = ({ data }) => {
      this.heard_ms = performance.now();
      return typeof data === "string" ? this.told(JSON.parse(data)) : this.play(data);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      if (!this.own.id) return this.over({ is_kept: false, error: { code: "unreachable", message: "The studio does not answer.", cure: "Start it again" } });
      this.lost(socket);
    };
  }
  lost(socket) {
    this.warn(this.own.isOver ? `The connection is lost. It is tried again: then your session ends, and is kept. Without a connection it ends ${GONE_S} s after the loss.` : `The connection is lost: what you play meanwhile does not reach the band. It is tried again for ${GONE_S} s.`);
    setTimeout(() => { if (this.socket === socket) this.connect(null); }, AGAIN_MS);
  }
  look() {  // a network that is gone closes nothing: the band, which always sounds, is not heard
    const { socket, own } = this;
    if (socket?.readyState !== WebSocket.OPEN || !own?.id || own.begin === null || performance.now() - this.heard_ms < LOST_MS) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.lost(socket);
  }
  hear({ frame, pcm, peak }) {  // a piece of the microphone
    showLevel(peak);
    const { own, sound, socket } = this;
    if (!own?.id || own.isOver) return;
    const awake_s = performance.now() / 1000 - sound.context.currentTime;
    if (own.begin === null) {
      Object.assign(own, { begin: frame, awake_s });
      sound.begin(frame, this.trip_s, own.horizon_s);
    }
    if (awake_s - own.awake_s > ASLEEP_S) {  // the stream has gone on meanwhile, as silence
      own.begin -= Math.round((awake_s - own.awake_s) * sound.rate);
      own.awake_s = awake_s;
      sound.begin(own.begin, this.trip_s, own.horizon_s);
    }
    if (socket.readyState !== WebSocket.OPEN) return;
    const message = new DataView(new ArrayBuffer(4 + pcm.byteLength));
    message.setUint32(0, frame - own.begin, true);
    new Int16Array(message.buffer, 4).set(pcm);
    socket.send(message.buffer);
  }
  play(data) {
    this.sound?.play(new DataView(data).getUint32(0, true), new Int16Array(data.slice(4)));
  }
  told(event) {
    if (event.type === "ready") this.begun(event);
    if (event.type === "refused") wrong(new Refusal(event.error));
    if (event.type === "jam_ended") this.over(event);
  }
  begun({ jam, horizon_s, players }) {
    this.warn("");
    if (this.own.id) {  // back after a lost connection
      if (this.own.isOver) this.sendEnd();
      return;
    }
    Object.assign(this.own, { id: jam, horizon_s });
    this.setPlayers(players.map(({ name }) => name));
    this.say("Play: the band listens");
  }
  pull(kind, argument = "") {
    if (this.socket?.readyState === WebSocket.OPEN && this.own.id) this.socket.send(JSON.stringify({ kind, argument: String(argument) }));
  }
  press(event) {
    if (!this.socket || isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event, part = this.players?.[Number(key) - 1];
    if (key === " " && event.target.matches("button")) return;
    if (key in PLAIN) this.pull(PLAIN[key]);
    else if (key in STEPS) this.step(...STEPS[key]);
    else if (key === "s") this.nextStyle();
    else if (part) this.mute(part);
    else return;
    event.preventDefault();
  }
  step(kind, by) {
    const { min, max, usual } = VALUES[kind];
    this.asked[kind] = Math.min(Math.max((this.asked[kind] ?? usual) + by, min), max);
    this.pull(kind, this.asked[kind].toFixed(2));
    for (const slider of document.querySelectorAll(`#jam-players [data-kind=${kind}]`)) slider.value = this.asked[kind];
  }
  nextStyle() {
    const select = byId("jam-style");
    select.selectedIndex = select.selectedIndex + 1 < select.options.length ? select.selectedIndex + 1 : 1;
    this.pull("style", select.value);
  }
  mute(part) {
    this.pull(this.muted.has(part) ? "unmute" : "mute", part);
  }
  async share() {
    const { share } = await ask("POST", songPath(this.own.id, "shares"));
    const field = h("input", { readOnly: true, value: `${location.origin}/#share=${share}`, "aria-label": "Address for watching" });
    byId("jam-links").replaceChildren(h("li", {}, field, button("Copy", doing(async () => { await navigator.clipboard.writeText(field.value); tell("Copied"); }))));
    field.select();
  }
  stop() {
    if (this.own.isOver) return;
    this.own.isOver = true;
    this.sound?.end();
    this.say("The last notes ring; then the session is played again from its recording");
    this.sendEnd();
    if (!this.own.id) this.over({ is_kept: false });
  }
  sendEnd() {  // once there is a connection: see `begun`
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ kind: "end" }));
  }
  over({ song, is_kept, error }) {
    const { own, sound, watched, socket } = this;
    if (own) own.isOver = true;
    this.sound = this.socket = null;
    socket?.close();
    setTimeout(() => sound?.close(), TAIL_MS);
    if (error) wrong(new Refusal(error));
    if (watched) {
      this.say(is_kept ? "The session has ended" : "The session has ended, and was not kept");
      byId("jam-links").replaceChildren(...(is_kept ? [h("li", {}, h("a", { href: `#/song/${song}` }, "Hear it again"))] : []));
      return;
    }
    if (!is_kept && !error) tell("Nothing was played, so nothing is kept.");
    if (is_kept && !byId("jam").hidden) setTimeout(() => { if (this.own === own) location.hash = `#/song/${song}`; }, TAIL_MS);
    else this.showStage(false);
  }

  // What the studio tells everybody.
  heard(event) {
    const id = this.watched ?? this.own?.id;
    if (!id) return;
    if (event.type === "jam" && event.song === id) this.show(event);
    if (event.type === "jam_ended" && event.song === id && this.watched) this.over(event);
    if (event.type === "hello" && this.watched && event.songs.some((song) => song.id === id)) this.over({ song: id, is_kept: true });
  }
  show(news) {
    if (this.own?.isOver && !this.watched) return;
    const names = Object.keys(news.levels_db);
    if (names.join() !== this.players?.join() || !byId("jam-players").children.length) this.setPlayers(names);
    byId("jam-time").textContent = clock(news.seconds);
    byId("jam-chord").textContent = news.bar ? news.chord : "";
    byId("jam-next").textContent = news.bar ? news.next_chord : "";
    byId("jam-tempo-now").textContent = news.tempo_bpm ? `${Math.round(news.tempo_bpm)} bpm` : "";
    this.say(news.bar ? `Bar ${news.bar}` : news.tempo_bpm ? "The band has the beat, and listens" : "The band listens");
    this.showBeat(news);
    if (!this.watched) this.sound?.setBar(news.bar ? (60 / news.tempo_bpm) * news.beats_per_bar : 0);
    this.muted = new Set(news.muted);
    for (const row of byId("jam-players").children) {
      const { name } = row.dataset, isMuted = this.muted.has(name);
      row.classList.toggle("is-sounding", news.levels_db[name] > -60);
      row.querySelector("i").style.width = `${Math.min(Math.max(100 * (1 + news.levels_db[name] / 60), 0), 100)}%`;
      const mute = row.querySelector("button");
      if (mute.getAttribute("aria-pressed") !== String(isMuted)) mute.setAttribute("aria-pressed", isMuted);
    }
    this.showFigures(news);
  }
  showBeat({ beat, beats_per_bar, bar }) {
    const dots = byId("jam-beats");
    if (dots.children.length !== beats_per_bar) dots.replaceChildren(...Array.from({ length: beats_per_bar }, () => h("li")));
    [...dots.children].forEach((dot, index) => dot.classList.toggle("is-now", Boolean(bar) && index + 1 === beat));
  }
  showFigures({ due, lost_s, stop_reaction_bars, hears_band, clips, is_recorded }) {
    const figures = [`${due.num_quanta - due.late_quanta} of the last ${due.num_quanta} blocks in time`, `${Math.round(due.horizon_left_p50_ms)} ms of the horizon left, ${Math.round(due.horizon_left_p99_ms)} ms in 99 of 100`];
    if (!this.watched && this.own) {
      figures.push(`round trip ${Math.round(1000 * this.trip_s)} ms (${this.trip?.how ?? "as the browser says"})`);
      if (Number.isFinite(this.own.ahead_s)) figures.push(`the band is here ${Math.round(1000 * this.own.ahead_s)} ms before it sounds`);
      figures.push(`${this.own.missed_s.toFixed(2)} s of it came too late`);
    }
    if (stop_reaction_bars !== null) figures.push(`${stop_reaction_bars.toFixed(1)} bars from your last stop to the band's rest`);
    if (lost_s) figures.push(`${lost_s.toFixed(1)} s of the player were lost`);
    byId("jam-figures").textContent = due.num_quanta ? figures.join("; ") : "";
    if (this.socket && this.socket.readyState !== WebSocket.OPEN) return;
    const words = [2 * due.late_quanta > due.num_quanta && "The band comes too late: the studio's machine is too busy. End what else runs there, or begin again with fewer players.", hears_band && "The microphone hears the band, which then follows itself: use headphones, or play it softer.", clips && "You are too loud for the microphone: turn it down.", !is_recorded && "The disk is full: the band plays on, but the rest is not kept."];
    this.warn(words.filter(Boolean).join(" "));
  }
  warn(words) {
    if (byId("jam-warnings").textContent !== words) byId("jam-warnings").textContent = words;
  }
  setPlayers(names) {
    this.players = names;
    this.muted = new Set();
    this.asked = {};
    byId("jam-players").replaceChildren(...names.map((name) => this.player(name)));
  }
  player(name) {
    const slider = (kind, words) => {
      const { usual, ...range } = VALUES[kind];
      return h("label", { class: "editing" }, words, h("input", { type: "range", ...Object.fromEntries(Object.entries(range).map(([key, value]) => [key, String(value)])), value: String(usual), "data-kind": kind, onchange: ({ target }) => this.pull(kind, `${name}=${target.value}`), "aria-label": `${words} of ${spoken(name)}` }));
    };
    return h("li", { "data-name": name }, h("b", {}, spoken(name)), h("span", { class: "level", "aria-hidden": "true" }, h("i")),
      button("Mute", () => this.mute(name), { class: "editing", "aria-pressed": "false", "aria-label": `Mute ${spoken(name)}` }), slider("gain", "Gain"), slider("density", "Notes"));
  }
}

function showLevel(peak) {
  byId("jam-level-bar").style.width = `${Math.max(100 * (1 + 20 * Math.log10(peak + 1e-6) / 60), 0)}%`;
}

function read() {
  try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; }
}

// The longest of some questions that the studio answers at once, in seconds.
async function networkTrip() {
  const tries = [];
  for (let number = 0; number < NETWORK_TRIES; number++) {
    const began = performance.now();
    await ask("GET", "/api/health");
    if (number) tries.push((performance.now() - began) / 1000);  // the first may open a connection
  }
  return Math.max(...tries);
}
