// One song: what is shown and heard of it, and the edits that are on their way.

import { Away } from "./away.js";
import { ChartView } from "./chart.js";
import { Bars, byId, clock, heardLevel } from "./desk.js";
import { button, doing, h, isTyping, options, spoken, tell, wrong } from "./dom.js";
import { Lanes } from "./lanes.js";
import { MissingWorklet, Player } from "./player.js";
import { Refusal, ask, bytes, songPath } from "./server.js";
import { Timeline } from "./timeline.js";
import { Transport } from "./transport.js";
import { inWords, liveInWords } from "./words.js";

const EARLY_S = 1.5;  // of sound that must be there before a render that runs is heard
const ASIDE = ["export", "preview"];  // jobs that make no version
const REDRAW_MS = 1500;  // between two pictures of a wave that grows
const STAGES = { preview: "playing two bars", read: "reading", seat: "calling the band", load: "calling the band", listen: "listening to you", retrieve: "looking for ways to go on", arrange: "writing the parts", play: "playing", mix: "mixing", write: "writing", report: "writing" };

export class SongView {
  constructor() {
    this.player = new Player((source, start, num) => this.fetchSound(source, start, num));
    this.timeline = new Timeline({ seek: (at) => this.transport.seek(at), editChord: (bar, beat) => this.chart.open(bar, beat), moveBarOne: (at) => this.chart.correct({ first_downbeat_s: at }) });
    this.lanes = new Lanes({ edit: (edits) => this.edit(edits), levels: () => this.mix(), loopBars: () => this.transport.loopBars });
    this.chart = new ChartView({
      play: (text) => this.order("PUT", "chart", { text }), edit: (edits) => this.edit(edits),
      hear: (bar) => this.transport.play(this.bars.start(bar)), loopTo: (bar) => this.transport.loopUpTo(bar),
    });
    this.away = new Away({ edit: (edits) => this.edit(edits), go: (version) => this.go(version), show: (take, at) => this.showTake(take, at) });
    this.transport = new Transport(this);
    this.peaks = new Map();
    this.player.addEventListener("fetched", ({ detail }) => this.tellFetch(detail));
    this.listenToControls();
  }
  get canEdit() {
    return this.role === "owner";
  }
  choose(choices) {
    this.choices = choices;
    this.away.choose(choices);
    options(byId("intro"), choices.intros, "none");
    options(byId("ending"), choices.endings, "leader");
    options(byId("band"), choices.bands.map(({ name }) => name), "");
    const players = choices.bands.flatMap(({ parts }) => parts);
    options(byId("add-part"), players.map((part, index) => [String(index), `${spoken(part.instrument)}, ${part.role}`]), "0");
    this.players = players;
  }

  // Opening and closing.
  async open(id, role) {
    this.close();
    Object.assign(this, { id, role, desk: null, base: null, take: "take-00", job: null, before: null, isFirst: true, asked: null });
    byId("song").classList.toggle("is-reader", !this.canEdit);
    byId("song").classList.add("is-empty");
    this.showSong(await ask("GET", songPath(id)));
    const running = this.song.jobs.find(({ state }) => state === "running") ?? this.song.jobs[0];
    if (this.song.version !== null) await this.load();
    if (running) this.heard({ type: "job", job: running });
    if (running?.state === "running" && !ASIDE.includes(running.kind)) await this.loadJob(running.id).catch(() => {});  // it has no desk yet
  }
  close() {
    this.transport.close();
    byId("previewed").pause();
    byId("previewed").hidden = true;
    this.lanes.forget();
    this.away.forget();
    this.peaks.clear();
    byId("live").textContent = "";
    this.id = this.desk = null;
  }
  showSong(song) {
    this.song = song;
    byId("title").textContent = document.title = song.title;
    byId("about").textContent = song.band ? `${clock(song.duration_s)}, with the ${song.band} band` : clock(song.duration_s);
    if (song.version === null && !song.jobs.length && !this.desk) {
      this.showWork(h("p", {}, song.failed ? new Refusal(song.failed).message : "No band has played to it yet."), this.canEdit && button("Play with a band", doing(() => this.begin({ band: "rock" })), { class: "main" }));
    }
  }
  async begin(order) {
    this.asked = order;
    await this.order("POST", "render", order);
  }

  // Events of the studio.
  heard(event) {
    if (!this.id) return;
    if (event.type === "song" && event.song.id === this.id) this.showSong(event.song);
    if (event.type === "deleted" && event.song === this.id) { tell("This song was deleted."); location.hash = ""; }
    if (event.type === "job" && event.job.song === this.id) doing(() => this.follow(event.job))();
    if (event.type === "desk" && event.song === this.id) doing(() => this.loadJob(event.job))();
    if (event.type === "sound" && event.song === this.id) this.arrive(event);
    if (event.type === "hello") {
      const song = event.songs.find(({ id }) => id === this.id);
      if (song) this.catchUp(song);
    }
  }
  catchUp(song) {  // after a lost connection: what has happened meanwhile
    this.showSong(song);
    const [job] = song.jobs;
    if (job) this.heard({ type: "job", job });
    else this.job = null;
    if (song.version !== null && song.version !== this.desk?.version && !job) doing(() => this.load())();
  }
  async follow(job) {
    if (ASIDE.includes(job.kind)) {
      if (job.kind === "preview" && job.id !== this.previewing) return;  // somebody else's
      if (job.state === "done") (job.kind === "export" ? this.away.exported(job) : this.playPreview(job));
      if (job.state === "failed") wrong(new Refusal(job.error));
      if (job.kind === "preview") this.closePreview?.();
      return;
    }
    if (job.state === "queued" || job.state === "running") {
      if (this.job?.id !== job.id) this.job = { ...job, ready: 0 };
      else Object.assign(this.job, job);
      this.showJob();
      return;
    }
    if (this.handled === job.id) return;
    this.handled = job.id;
    this.job = null;
    this.coming = null;
    this.lanes.showWork(this.changing, 0);
    if (job.state === "done") {
      const { desk: was, base } = this;
      const from = job.kind === "redo" && job.base !== null ? this.before ?? (was?.version === job.base ? { desk: was, base } : null) : null;
      await this.load(job.version);
      if (["render", "jam"].includes(job.kind)) this.begun();  // a short one is done before the player is open
      this.before = from;
      if (from) this.offerComparison(job); else this.showWork();
    } else {
      this.showWork();
      if (job.state === "failed") wrong(new Refusal(job.error), job.edits ? [["Try again", () => this.edit(job.edits)]] : [["Try again", doing(() => this.begin(this.asked ?? { band: this.song.band ?? "rock" }))]]);
      this.before = null;
      this.lanes.forgetAsked();
      if (this.song.version !== null) await this.load(); else this.empty();
    }
  }
  empty() {  // a first render has ended with nothing to hear
    this.transport.close();
    this.desk = this.base = null;
    byId("song").classList.add("is-empty");
  }

  // Desks: of a version, and of a job while it plays.
  async load(version = null, take = this.take, at = null) {
    const query = new URLSearchParams({ take, ...(version !== null && { version }) });
    const desk = await ask("GET", `${songPath(this.id, "desk")}?${query}`);
    byId("live").textContent = desk.live ? liveInWords(desk.live) : "";
    await this.show(desk, `v${desk.version}`);
    if (at !== null) this.transport.play(at);
    await this.away.set(this.id, desk, this.canEdit);
    this.showSteps();
  }
  async loadJob(job) {
    const desk = await ask("GET", `/api/jobs/${encodeURIComponent(job)}/desk?take=${this.take}`);
    if (this.handled === job) return;
    if (this.job?.id !== job) this.job = { id: job, ready: 0, available: 0 };
    this.coming = { desk, base: `j${job}`, available: this.coming?.available ?? 0 };
    if (!this.desk) await this.show(desk, this.coming.base);
    this.takeOver();
  }
  arrive({ job, take, available, total }) {
    if (take !== this.take || this.handled === job) return;
    if (this.job?.id === job) this.job.ready = available / total;
    if (this.coming?.base === `j${job}`) this.coming.available = available;
    this.lanes.showWork(this.changing, this.job?.ready ?? 0);
    this.takeOver();
    if (this.base === `j${job}` && performance.now() - (this.drawn_ms ?? 0) > REDRAW_MS) {
      this.drawn_ms = performance.now();
      this.drawPeaks();
    }
  }
  takeOver() {  // what a job plays is heard as soon as it is far enough ahead of what is heard now
    const { coming, player } = this;
    if (!coming || !player.node) return;
    const { desk } = coming, wanted_s = player.position + EARLY_S;
    if (coming.available < Math.min(desk.num_samples, wanted_s * desk.sample_rate)) return;
    if (this.base !== coming.base) {
      this.before = this.desk?.version === null ? null : { desk: this.desk, base: this.base };
      this.coming = { ...coming, isHeard: true };
      doing(() => this.show(desk, coming.base).then(() => this.begun()))();
    } else if (!coming.isHeard) {
      coming.isHeard = true;
      this.begun();
    }
  }
  begun() {  // the first sound of a job is there
    if (this.isFirst && !this.before) this.transport.play(0);
    this.isFirst = false;
  }
  async show(desk, base) {
    Object.assign(this, { desk, base, take: desk.take, bars: new Bars({ beats: desk.beats_s, downbeats: desk.downbeats, chords: desk.chords, entry: 0, duration: desk.duration_s }) });
    byId("song").classList.remove("is-empty");
    this.lanes.set(desk, { canEdit: this.canEdit, instruments: this.choices.instruments });
    this.timeline.set(desk, this.bars, this.canEdit);
    this.chart.set(desk, this.id, this.canEdit);
    this.timeline.setPictures(this.lanes.pictures());
    this.showManner();
    this.transport.set(desk, this.bars);
    this.lanes.showWork(base.startsWith("j") ? this.changing : [], this.job?.ready ?? 0);
    try {
      await this.player.open(desk.sample_rate, desk.num_samples);
    } catch (problem) {
      if (!(problem instanceof MissingWorklet)) throw problem;
      this.offerPlainPlayer();
    }
    this.mix();
    this.transport.showState();
    this.drawPeaks();
  }
  async drawPeaks() {
    const { desk } = this;
    const base = this.base.startsWith("j") && this.before ? this.before.base : this.base;  // until a job's sound is whole, the wave before it stands there
    for (const picture of this.lanes.pictures()) {  // one after the other, so that sound does not wait for them
      Object.assign(picture, await this.peaksOf(base, desk.take, picture.name));
      if (desk !== this.desk) return;
      this.timeline.draw();
    }
  }
  async peaksOf(base, take, name) {
    const path = songPath(this.id, "peaks", base, take, name);
    if (this.peaks.has(path)) return this.peaks.get(path);
    const peaks = new Int8Array(await bytes(path).catch(() => new ArrayBuffer(0)));
    const found = { peaks, loudest: peaks.reduce((loudest, peak) => Math.max(loudest, Math.abs(peak)), 0) };
    if (base.startsWith("v")) this.peaks.set(path, found);
    return found;
  }
  async fetchSound(source, start, num) {
    return new Int16Array(await bytes(`${songPath(this.id, "sound")}/${source}?start=${start}&num=${num}`));
  }
  tellFetch(problem) {
    if (problem?.code === "not_found" && !this.base?.startsWith("v")) return;  // of a job that has ended, which is told
    if (problem && !this.hasTold) wrong(problem);
    this.hasTold = problem !== null;
  }
  offerPlainPlayer() {
    byId("play").disabled = true;
    const plain = byId("plain");
    plain.hidden = this.desk.version === null;
    if (plain.hidden) tell("This browser cannot mix the parts here (it has no AudioWorklet, or the page did not come over https). The mix can be heard below the buttons as soon as it is finished.", { isWrong: true });
    else plain.src = songPath(this.id, "files", this.base, this.desk.take, "mix.wav");
  }
  mix() {
    if (!this.desk) return;
    const tracks = this.lanes.tracks(this.base);
    this.player.setTracks(tracks);
    this.lanes.showLevels(tracks, (track) => heardLevel(track, tracks));
  }

  // Edits.
  edit(edits) {
    return doing(() => this.order("POST", "redo", edits))();
  }
  async order(method, verb, body) {
    const job = await ask(method, songPath(this.id, verb), body);
    this.before = null;
    this.player.keep([]);
    if (verb === "switch" || verb === "undo") this.lanes.forgetAsked();
    await this.follow(job);
  }
  async go(version) {
    await this.order("POST", "switch", { version });
  }
  undo() {
    const { undo } = this.away.steps(this.desk?.version);
    if (this.canEdit && undo !== null) doing(() => this.order("POST", "undo"))();
  }
  redoNext() {
    const { redo } = this.away.steps(this.desk?.version);
    if (this.canEdit && redo !== null) doing(() => this.go(redo))();
  }
  showSteps() {
    const { undo, redo } = this.away.steps(this.desk?.version);
    byId("undo").disabled = undo === null;
    byId("redo").disabled = redo === null;
  }
  async preview() {
    const order = { band: byId("band").value, style: byId("style").value || null, bar: Math.max(this.bars.barAt(this.player.position), 0) };
    this.previewing = (await ask("POST", songPath(this.id, "preview"), order)).id;
    byId("previewed").hidden = true;
    this.closePreview = tell(`Two bars with the ${spoken(order.band)} band${order.style ? `, ${spoken(order.style)}` : ""}: they are played in a moment`, { ways: [["Hide", () => {}]], key: "preview" });
  }
  playPreview(job) {
    if (this.player.isPlaying) this.player.pause();
    const sound = byId("previewed");
    sound.src = songPath(this.id, "exports", job.export);
    sound.hidden = false;
    sound.play().catch(() => {});  // a browser that asks for a click first: there is a button
  }
  useManner() {
    const band = byId("band").value, style = byId("style").value, { desk } = this;
    byId("previewed").pause();
    if (band === desk.band && style !== (desk.style ?? "") && style) return this.edit({ style });
    return tell(`The ${spoken(band)} band takes the place of all versions of this song.`, { ways: [["Play it", doing(() => this.begin({ band, levers: style ? { style } : {}, overrides: desk.overrides }))]] });
  }
  async showTake(take, at = this.player.position) {
    await this.load(this.desk.version, take, Math.min(at, this.player.duration));
  }

  // What is going on, above the lanes and in them.
  get changing() {  // parts that will sound otherwise, null for all; of an edit those that its renderer names
    return this.job ? this.job.parts ?? (this.job.edits ? [] : null) : [];
  }
  showWork(...children) {
    byId("state").replaceChildren(...children.filter(Boolean));
  }
  showJob() {
    const { job } = this;
    this.lanes.showWork(this.changing, job.ready);
    const words = job.state === "queued" ? `Place ${job.place} in the queue` : STAGES[job.stage] ?? "at work";
    const label = job.edits ? `${inWords(job.edits)}: ${words}` : words;
    const bar = h("progress", { max: job.total || 1, "aria-label": "Progress of this stage" });
    if (job.state === "running" && job.total) bar.value = job.done;
    const kept = byId("state").querySelector(`[data-job="${CSS.escape(job.id)}"]`);
    if (kept) {
      const said = kept.querySelector("p");
      if (said.textContent !== label) said.textContent = label;
      kept.querySelector("progress").replaceWith(bar);
      return;
    }
    this.showWork(h("div", { class: "job", "data-job": job.id }, h("p", {}, label), bar, this.canEdit && button("Cancel", doing(() => ask("DELETE", `/api/jobs/${encodeURIComponent(job.id)}`)))));
  }
  offerComparison(job) {  // before and after at the same place, without a gap
    const before = this.before, after = { desk: this.desk, base: this.base };
    const choose = (one) => {
      const isAfter = one === after;
      for (const [control, isOn] of [[first, !isAfter], [second, isAfter]]) control.setAttribute("aria-pressed", isOn);
      if (this.base !== one.base) doing(() => this.show(one.desk, one.base))();
    };
    this.player.keep([before, after].flatMap(({ desk, base }) => desk.lanes.map(({ name }) => `${base}/${desk.take}/${name}`)));
    const first = button("Before", () => choose(before), { "aria-pressed": "false" });
    const second = button("After", () => choose(after), { "aria-pressed": "true" });
    const end = () => {
      this.before = null;
      this.player.keep([]);
      this.showWork();
    };
    const keep = button("Keep", () => { choose(after); end(); }, { class: "main" });
    const discard = button("Discard", doing(async () => { end(); await this.go(job.base); }));
    this.showWork(h("div", { class: "job" }, h("p", {}, `Done: ${inWords(job.edits)}`), h("span", { class: "pair", role: "group", "aria-label": "Compare" }, first, second), keep, discard));
  }
  showManner() {
    const { desk, choices } = this;
    options(byId("style"), [["", "as the band likes"], ...choices.styles.map(({ name }) => [name, spoken(name)])], desk.style ?? "");
    this.showAbout();
    byId("intro").value = desk.intro ?? "none";
    byId("ending").value = desk.ending ?? "leader";
    for (const name of ["complexity", "humanize"]) byId(name).value = desk[name] ?? 0.5;
    byId("band").value = desk.band;
  }

  showAbout() {
    byId("style-about").textContent = this.choices.styles.find(({ name }) => name === byId("style").value)?.about ?? "";
  }

  listenToControls() {
    const click = (id, action) => byId(id).addEventListener("click", action);
    click("undo", () => this.undo());
    click("redo", () => this.redoNext());
    click("preview", doing(() => this.preview()));
    click("add", () => {
      const { name, ...part } = this.players[Number(byId("add-part").value)], taken = this.desk.lanes.map((lane) => lane.name);
      const free = [name, ...Array.from({ length: 32 }, (_, index) => `${name}${index + 2}`)].find((one) => !taken.includes(one));
      this.edit({ add: [{ name: free, ...part }] });
    });
    click("use-manner", () => this.useManner());
    byId("style").addEventListener("change", () => this.showAbout());
    for (const id of ["intro", "ending"]) byId(id).addEventListener("change", ({ target }) => { if (target.value) this.edit({ [id]: target.value }); });
    for (const id of ["complexity", "humanize"]) byId(id).addEventListener("change", ({ target }) => this.edit({ [id]: Number(target.value) }));
    document.addEventListener("keydown", (event) => this.key(event));
  }
  key(event) {
    if (!this.desk || isTyping(event.target) || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    if (event.shiftKey) this.redoNext(); else this.undo();
  }
}
