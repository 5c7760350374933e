// The studio's page: who asks, what is shown, and what the server tells.

import { byId } from "./desk.js";
import { doing, h, tell, wrong } from "./dom.js";
import { Home } from "./home.js";
import { JamView } from "./jam.js";
import { ask, listen } from "./server.js";
import { SongView } from "./song.js";

const song = new SongView();
const jam = new JamView();
const home = new Home((uploaded, order) => {
  location.hash = `#/song/${uploaded.id}`;
  begin = { id: uploaded.id, order };
});
let begin = null;  // the first render of a song that was just uploaded
let session = null;

// A token comes once, in the fragment; from then on a cookie that no script can read tells who asks.
async function enter() {
  const given = new URLSearchParams(location.hash.slice(1));
  const credentials = given.has("token") ? { token: given.get("token") } : given.has("share") ? { share: given.get("share") } : null;
  if (credentials) history.replaceState(null, "", location.pathname);
  session = credentials ? await ask("POST", "/api/session", credentials) : await ask("GET", "/api/session");
  if (session.song) location.replace(`#/${session.is_live ? "jam" : "song"}/${session.song}`);
}

async function route() {
  const [, place = "home", id] = /^#\/(song|jam)(?:\/([^/]+))?$/.exec(location.hash) ?? [];
  for (const name of ["home", "song", "jam"]) byId(name).hidden = name !== place;
  for (const name of ["home", "jam"]) byId(`${name}-link`).toggleAttribute("aria-current", name === place);
  window.scrollTo(0, 0);
  if (place !== "jam") jam.close();
  if (place !== "song") {
    song.close();
    document.title = "ensemble studio";
    if (place === "jam") jam.open(id, session.role);
    return;
  }
  await song.open(decodeURIComponent(id), session.role);
  if (begin?.id === song.id) {
    const { order } = begin;
    begin = null;
    await song.begin(order);
  }
}

const jobs = new Map();
function hear(event) {
  if (event.type === "hello") {
    home.set(event.songs);
    jobs.clear();
    for (const job of event.jobs) jobs.set(job.id, job);
  }
  if (event.type === "song") home.put(event.song);
  if (event.type === "deleted") home.remove(event.song);
  if (event.type === "job") {
    const isOn = ["queued", "running"].includes(event.job.state);
    if (isOn) jobs.set(event.job.id, event.job); else jobs.delete(event.job.id);
  }
  byId("work").textContent = jobs.size ? `${jobs.size} ${jobs.size === 1 ? "job" : "jobs"} at work or waiting` : "";
  song.heard(event);
  jam.heard(event);
}
function showConnection(isThere, isRefused) {
  byId("lost").hidden = isThere;
  byId("lost").textContent = isRefused ? "This page is no longer signed in: open the address that ensemble studio printed." : "The connection to the studio is lost. It is tried again by itself, and what was begun goes on. If it stays lost, start ensemble studio again: nothing is gone.";
}

async function start() {
  document.documentElement.classList.add("has-script");
  try {
    await enter();
  } catch (problem) {
    byId("home").hidden = true;
    const isUnknown = problem.code === "unauthorized";
    document.body.append(h("p", { class: "lost", role: "alert" }, isUnknown ? "Open the address that ensemble studio printed: it holds the key to this page." : problem.message));
    if (!isUnknown) wrong(problem, [["Try again", () => location.reload()]]);
    return;
  }
  const choices = await ask("GET", "/api/catalogue");
  home.choose(choices);
  song.choose(choices);
  jam.choose(choices);
  for (const name of ["home", "jam"]) byId(`${name}-link`).hidden = session.role === "reader";
  await doing(route)();
  window.addEventListener("hashchange", doing(() => (/^#(token|share)=/.test(location.hash) ? location.reload() : route())));
  listen(hear, showConnection);
}

window.addEventListener("unhandledrejection", ({ reason }) => tell(reason?.message ?? "Something went wrong on this page.", { isWrong: true, ways: [["Load it again", () => location.reload()]] }));
start();
