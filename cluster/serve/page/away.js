// Takes side by side, versions, exports and shared links.

import { byId, clock } from "./desk.js";
import { button, doing, h, options, tell } from "./dom.js";
import { ask, songPath } from "./server.js";
import { inWords } from "./words.js";

const EXPORTS = { zip: "everything in a zip", daw: "a DAW project", stems: "stems", midi: "MIDI", chart: "the chart" };
const takeName = (name) => `Take ${Number(name.slice(-2))}`;

export class Away {
  // edit(edits) asks for a redo; go(version) goes to one; show(take) shows and plays a take.
  constructor({ edit, go, show }) {
    Object.assign(this, { edit, go, show });
    byId("extend").addEventListener("click", () => this.edit({ extend_s: Number(byId("extend-s").value), takes: Number(byId("extend-takes").value) }));
    byId("export").addEventListener("click", doing(() => this.order()));
    byId("share").addEventListener("click", doing(() => this.share()));
  }
  choose({ export_kinds }) {
    options(byId("export-kind"), export_kinds.map((kind) => [kind, EXPORTS[kind] ?? kind]), "zip");
  }
  forget() {
    for (const id of ["takes", "versions", "exports", "shares"]) byId(id).replaceChildren();
    this.versions = [];
  }
  async set(song, desk, canEdit) {
    Object.assign(this, { song, desk, canEdit });
    if (desk.version === null) return;
    const [takes, versions, shares] = await Promise.all([
      ask("GET", `${songPath(song, "takes")}?version=${desk.version}`),
      ask("GET", songPath(song, "versions")),
      canEdit ? ask("GET", songPath(song, "shares")) : [],
    ]);
    if (this.desk !== desk) return;
    byId("takes").replaceChildren(...(takes.length > 1 ? takes.map((take) => this.take(take)) : []));
    byId("takes-hint").hidden = takes.length > 1;
    byId("versions").replaceChildren(...versions.map((version) => this.version(version)).reverse());
    byId("shares").replaceChildren(...shares.map((share) => this.shared(share)));
    this.versions = versions;
  }

  take({ name, duration_s, total, worth, sources, seams }) {
    const isShown = name === this.desk.take, number = Number(name.slice(-2));
    return h("li", isShown ? { "aria-current": "true" } : {},
      h("h3", {}, takeName(name), " ", h("small", {}, clock(duration_s))),
      total !== null && h("p", { class: "total" }, h("b", {}, total.toFixed(2)), h("small", {}, " of 1")),
      worth && h("p", { class: "quiet" }, worth),
      sources.length ? sources.map(({ title, licence }) => h("p", { class: "source" }, title, " ", h("small", {}, licence))) : h("p", { class: "source" }, "Only what you played"),
      seams.map(({ at_s, seam, title }) => h("p", { class: "quiet" }, `Joins ${title} at `, button(clock(at_s), () => this.show(name, Math.max(at_s - 3, 0)), { "aria-label": `Hear the seam at ${clock(at_s)} of ${takeName(name)}` }), ` (${seam.toFixed(2)} of 1)`)),
      h("p", {}, isShown ? h("span", { class: "quiet" }, "in the player above ") : button("Hear it", () => this.show(name), { "aria-label": `Hear ${takeName(name)}` }), " ",
        this.canEdit && number > 0 && button("Try another", () => this.edit({ another: [number] }), { "aria-label": `Try another way to go on in ${takeName(name)}` })));
  }
  version({ number, changes, made_at, is_current }) {
    return h("li", is_current ? { "aria-current": "true" } : {}, h("b", {}, `Version ${number}`), h("span", { class: "quiet" }, `${changes ? inWords(changes) : "as first played"}, ${new Date(made_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`),
      is_current ? h("span", { class: "quiet" }, "is here") : this.canEdit && button("Go to it", doing(() => this.go(number)), { "aria-label": `Go to version ${number}` }));
  }
  // Where undo and redo lead: null where there is nothing.
  steps(current) {
    const here = this.versions?.find(({ number }) => number === current);
    const children = this.versions?.filter(({ parent }) => parent === current).map(({ number }) => number) ?? [];
    return { undo: here?.parent ?? null, redo: children.length ? Math.max(...children) : null };
  }

  async order() {
    const job = await ask("POST", songPath(this.song, "exports"), { kind: byId("export-kind").value, take: this.desk.take, from_bar_one: byId("from-bar-one").checked });
    tell("Packing it", { key: job.id });
  }
  exported(job) {  // a link that is followed once by itself
    const link = h("a", { href: songPath(job.song, "exports", job.export), download: "" }, `Export of ${new Date(job.ended_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`);
    byId("exports").append(h("li", {}, link));
    link.click();
  }
  async share() {
    const { share } = await ask("POST", songPath(this.song, "shares"));
    const address = `${location.origin}/#share=${share}`;
    const field = h("input", { readOnly: true, value: address, "aria-label": "Address for listening" });
    byId("shares").prepend(h("li", {}, field, button("Copy", doing(async () => { await navigator.clipboard.writeText(address); tell("Copied"); }))));
    field.select();
  }
  shared({ id, created_at }) {
    const row = h("li", {}, h("span", { class: "quiet" }, `Shared on ${new Date(created_at).toLocaleString()}`), button("End it", doing(async () => {
      await ask("DELETE", songPath(this.song, "shares", id));
      row.remove();
    })));
    return row;
  }
}
