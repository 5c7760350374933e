// The first page: record or drop something, and the songs that are there.

import { byId, clock } from "./desk.js";
import { button, doing, h, options, spoken, tell, wrong } from "./dom.js";
import { Recorder } from "./recorder.js";
import { Refusal, ask, songPath } from "./server.js";

const LOUD_DB = -1, QUIET_DB = -40;

export class Home {
  // begun(song, order): a song was uploaded and its first render is asked for.
  constructor(begun) {
    this.begun = begun;
    this.songs = new Map();
    byId("file").addEventListener("change", ({ target }) => { if (target.files[0]) this.upload(target.files[0]); target.value = ""; });
    const drop = byId("drop");
    for (const [kind, isOver] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
      document.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.classList.toggle("is-over", isOver && !byId("home").hidden);
        if (kind === "drop" && !byId("home").hidden && event.dataTransfer.files[0]) this.upload(event.dataTransfer.files[0]);
      });
    }
    byId("record").addEventListener("click", doing(() => (this.recorder ? this.finish() : this.record()), false));
  }
  choose({ bands, styles, limits }) {
    this.limits = limits;
    options(byId("new-band"), bands.map(({ name, parts }) => [name, `${spoken(name)}: ${parts.map((part) => spoken(part.name)).join(", ")}`]), "rock");
    options(byId("new-style"), [["", "as the band likes"], ...styles.map(({ name, about }) => [name, `${spoken(name)}: ${about}`])], "");
  }

  // Songs.
  set(songs) {
    this.songs = new Map(songs.map((song) => [song.id, song]));
    this.list();
  }
  put(song) {
    this.songs.set(song.id, song);
    this.list();
  }
  remove(id) {
    this.songs.delete(id);
    this.list();
  }
  list() {
    const rows = [...this.songs.values()].sort((one, other) => other.created_at.localeCompare(one.created_at)).map((song) => this.row(song));
    byId("songs").replaceChildren(...(rows.length ? rows : [h("li", { class: "quiet" }, "Nothing yet: record or drop something above.")]));
  }
  row(song) {
    const [job] = song.jobs;
    const state = job ? (job.state === "queued" ? `place ${job.place} in the queue` : "being played") : song.failed ? song.failed.message : song.band ? `with the ${song.band} band` : "not played yet";
    return h("li", {},
      h("a", { href: `#/song/${song.id}` }, song.title),
      h("span", { class: song.failed && !job ? "quiet is-wrong" : "quiet" }, `${clock(song.duration_s)}, ${state}`),
      button("Rename", doing(() => this.rename(song)), { "aria-label": `Rename ${song.title}` }),
      button("Delete", () => this.askToDelete(song), { "aria-label": `Delete ${song.title}` }));
  }
  async rename(song) {
    const title = prompt("Name of the song", song.title)?.trim();
    if (title) this.put(await ask("PATCH", songPath(song.id), { title }));
  }
  askToDelete(song) {
    tell(`Delete ${song.title} with all its versions?`, { ways: [["Delete it", doing(async () => {
      await ask("DELETE", songPath(song.id));
      this.remove(song.id);
    })]] });
  }

  // A new one.
  async upload(file) {
    byId("refused").textContent = "";
    const done = tell(`Reading ${file.name}`, { ways: [["Hide", () => {}]] });
    try {
      const limit = this.limits?.max_upload_bytes ?? Infinity;
      if (file.size > limit) throw new Refusal({ code: "too_large", message: `${file.name} is larger than ${Math.round(limit / 1e6)} MB.`, cure: "Make it shorter, or save it as FLAC" });
      const song = await ask("POST", `/api/songs?name=${encodeURIComponent(file.name)}`, file);
      this.put(song);
      const style = byId("new-style").value;
      this.begun(song, { band: byId("new-band").value, levers: style ? { style } : {} });
    } catch (problem) {
      byId("refused").textContent = problem.message;
      if (problem.code === "unreachable") wrong(problem, [["Try again", () => this.upload(file)]]);
    } finally {
      done();
    }
  }
  async record() {
    const beats = Number(byId("count-in").value), beat_s = 60 / (Number(byId("count-bpm").value) || 100);
    const recorder = new Recorder((heard) => this.showLevel(heard));
    this.loudest = 0;
    await recorder.start(beats ? { beats, beat_s } : null);
    this.recorder = recorder;
    this.showRecording(true);
  }
  async finish() {
    const recorder = this.recorder;
    this.recorder = null;
    this.showRecording(false);
    const file = await recorder.stop();
    await this.upload(file);
  }
  showRecording(isOn) {
    byId("record").setAttribute("aria-pressed", isOn);
    byId("record").lastChild.data = isOn ? "Stop, and hear the band" : "Record";
    byId("recording").hidden = !isOn;
  }
  showLevel({ peak, seconds, isCounting }) {
    byId("record-time").textContent = clock(seconds);
    byId("record-state").textContent = isCounting ? "counting in" : "recording";
    if (peak !== null) {
      this.loudest = isCounting ? 0 : Math.max(this.loudest, peak);
      const level_db = Math.max(20 * Math.log10(peak + 1e-6), -60), loudest_db = 20 * Math.log10(this.loudest + 1e-6);
      byId("level-bar").style.width = `${100 * (1 + level_db / 60)}%`;
      byId("level").classList.toggle("is-loud", level_db > LOUD_DB);
      byId("level").setAttribute("aria-valuenow", Math.round(level_db));
      const words = loudest_db > LOUD_DB ? "Too loud: move away from the microphone, or turn it down."
        : seconds > 3 && loudest_db < QUIET_DB ? "Very quiet: move closer, or turn the microphone up." : "";
      if (byId("level-words").textContent !== words) byId("level-words").textContent = words;
    }
    if (this.recorder && seconds >= (this.limits?.max_duration_s ?? Infinity)) byId("record").click();
  }
}
