// The report's player. It stands in one module script with `desk.js` before it, since a page without a server loads no modules.

const times = JSON.parse(byId("times").textContent);
const duration = times.duration;
const tracks = [...document.querySelectorAll(".track")].map((row) => ({
  row,
  role: row.dataset.role,
  audio: row.querySelector("audio"),
  gain: amplitude(Number(row.dataset.gainDb)),
  volume: 1, isMuted: false, isSolo: false,
}));
const isInside = tracks.every((track) => track.audio.src.startsWith("data:"));
const MEMORY_BYTES = 700e6;
const decodedBytes = tracks.length * duration * 48000 * 2 * 4;

// Sound, exact to the sample: every file is decoded and all start on one clock.
class Buffers {
  async load() {
    this.context = new AudioContext();
    const stems = limiter(this.context);
    await Promise.all(tracks.map(async (track) => {
      const text = atob(track.audio.src.slice(track.audio.src.indexOf(",") + 1));
      const bytes = Uint8Array.from(text, (sign) => sign.charCodeAt(0));
      track.buffer = this.padded(await this.context.decodeAudioData(bytes.buffer));
      track.fader = this.context.createGain();
      track.fader.gain.value = 0;
      track.fader.connect(track.role === "mix" ? this.context.destination : stems);
    }));
  }
  padded(buffer) {  // as long as the longest, so that all loop alike
    const length = Math.ceil(duration * buffer.sampleRate);
    if (buffer.length >= length) return buffer;
    const whole = this.context.createBuffer(buffer.numberOfChannels, length, buffer.sampleRate);
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) whole.copyToChannel(buffer.getChannelData(channel), channel);
    return whole;
  }
  async start(at) {
    await this.context.resume();
    const when = this.context.currentTime + 0.03;
    for (const track of tracks) {
      track.source = new AudioBufferSourceNode(this.context, { buffer: track.buffer });
      if (loop) Object.assign(track.source, { loop: true, loopStart: loop.start, loopEnd: loop.end });
      track.source.connect(track.fader);
      track.source.start(when, at);
    }
    this.origin = when - at;
    this.from = at;
  }
  stop() {
    for (const track of tracks) {
      track.source?.stop();
      track.source?.disconnect();
      track.source = null;
    }
  }
  position() {
    const at = Math.max(this.from, this.context.currentTime - (this.context.outputLatency || 0) - this.origin);
    return loop && at >= loop.end ? loop.start + (at - loop.start) % (loop.end - loop.start) : at;
  }
  level(track, value) {
    track.fader.gain.setTargetAtTime(value, this.context.currentTime, 0.012);
  }
}

// Sound of long renders: the browser's own players; whenever they drift apart, their rates bring them together.
class Players {
  async load() {
    this.lead = tracks[0].audio;
    for (const track of tracks) track.audio.preload = "auto";
    await Promise.all(tracks.map(({ audio }) => new Promise((done, failed) => {
      audio.addEventListener("loadedmetadata", done, { once: true });
      audio.addEventListener("error", failed, { once: true });
      audio.load();
    })));
  }
  async start(at) {
    const sounding = tracks.map((track) => track.audio).filter((audio) => at < audio.duration);
    for (const audio of sounding) audio.currentTime = at;
    await Promise.all(sounding.map((audio) => audio.play()));
    this.timer = setInterval(() => {
      for (const audio of sounding) {
        const drift = audio.currentTime - this.lead.currentTime;
        if (Math.abs(drift) > 0.3 && !audio.ended) audio.currentTime = this.lead.currentTime;
        else audio.playbackRate = Math.abs(drift) < 0.01 ? 1 : 1 - drift;  // half of it is gone in half a second
      }
    }, 500);
  }
  stop() {
    clearInterval(this.timer);
    for (const track of tracks) track.audio.pause();
  }
  position() {
    return this.lead.ended ? duration : this.lead.currentTime;
  }
  level(track, value, loudest) {
    track.audio.volume = value / Math.max(1, loudest);  // a player can only be turned down, so the loudest stays and the others go down
  }
}

const engine = isInside && decodedBytes < MEMORY_BYTES ? new Buffers() : new Players();
let loop = null;  // of the seconds that are repeated, start and end
let loading = null, isPlaying = false, rest = 0, request = 0;
const position = () => (isPlaying ? Math.min(engine.position(), duration) : rest);
const hear = () => document.querySelector("input[name=hear]:checked").value;

function levelOf(track) {
  if (track.role === "mix") return hear() === "mix" ? 1 : 0;
  return hear() === "stems" ? heardLevel(track, tracks) : 0;
}
function applyLevels() {
  const levels = tracks.map(levelOf), loudest = Math.max(...levels);
  for (const [index, track] of tracks.entries()) {
    const level = levels[index];
    if (engine.isLoaded) engine.level(track, level, loudest);
    track.row.dataset.level = level.toFixed(4);
    track.row.classList.toggle("is-unheard", level === 0 && (hear() === "stems" || track.role === "mix"));
  }
}
function say(words, isWrong = false) {
  byId("status").textContent = words;
  byId("status").classList.toggle("is-wrong", isWrong);
}
async function load() {
  say("Loading the sound");
  await engine.load();
  engine.isLoaded = true;
  applyLevels();
  say("");
}
async function play(at = rest) {
  const mine = ++request;
  try {
    await (loading ??= load());
    if (mine !== request) return;
    engine.stop();
    const isOutside = loop && (at < loop.start || at >= loop.end - 0.02);
    await engine.start(isOutside ? loop.start : at >= duration - 0.02 ? 0 : at);
    if (mine !== request) return;
  } catch (problem) {
    loading = null;
    say(`This browser could not play the sound (${problem.message || "the files are not beside the page"}).`, true);
    return;
  }
  isPlaying = true;
  showState();
  requestAnimationFrame(tick);
}
function pause(at = position()) {
  request += 1;
  rest = at;
  if (isPlaying) engine.stop();
  isPlaying = false;
  showState();
  show();
}
function seek(to) {
  rest = clamp(to, 0, duration);
  if (isPlaying) play(rest);
  else show();
}
function tick() {
  if (!isPlaying) return;
  if (position() >= duration && !loop) { pause(0); return; }
  if (loop && position() >= loop.end) seek(loop.start);  // the browser's own players do not loop a part
  show();
  requestAnimationFrame(tick);
}

// Display.
const bars = new Bars(times);
const barButtons = new Map([...document.querySelectorAll("[data-bar]")].map((button) => [Number(button.dataset.bar), button]));
let shownBeat = null, now = null;
function showBeat(beat) {
  if (beat === shownBeat) return;
  shownBeat = beat;
  now?.classList.remove("is-now");
  byId("bar").textContent = bars.placeOf(beat);
  byId("chord").textContent = bars.chords[beat] ?? "";
  now = barButtons.get(beat < bars.entry ? -1 : bars.barOf(beat));
  now?.classList.add("is-now");
}
const timeline = byId("timeline"), sheet = byId("sheet"), playhead = byId("playhead"), slider = byId("seek");
function show() {
  const at = position();
  playhead.style.left = `${100 * at / duration}%`;
  byId("time").textContent = clock(at);
  slider.value = at;
  if (bars.beats.length) showBeat(bars.beatAt(at));
  slider.setAttribute("aria-valuetext", `${clockInWords(at)}, ${byId("bar").textContent}`);
  if (isPlaying && zoom > 1) follow(timeline, sheet, playhead);
}
function showState() {
  byId("play").classList.toggle("is-playing", isPlaying);
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
}
let zoom = 1;
const widest = maxZoom(duration);
function setZoom(to) {
  zoom = clamp(to, 1, widest);
  sheet.style.setProperty("--zoom", zoom);
  byId("out").disabled = zoom === 1;
  byId("in").disabled = zoom === widest;
  thin();
  if (zoom > 1) follow(timeline, sheet, playhead);
}
function thin() {
  for (const kind of [".bar-label", ".chord-label"]) thinLabels([...document.querySelectorAll(kind)]);
  const beatPixels = sheet.querySelector(".over").offsetWidth / Math.max(bars.beats.length, 1);
  document.querySelector(".grid .beats").style.display = beatPixels < 6 ? "none" : "";
  document.querySelector(".grid .bars").style.display = beatPixels * times.beatsPerBar < 6 ? "none" : "";
}

// Controls.
byId("play").addEventListener("click", () => (isPlaying ? pause() : play()));
slider.addEventListener("input", () => seek(Number(slider.value)));
byId("in").addEventListener("click", () => setZoom(zoom * 2));
byId("out").addEventListener("click", () => setZoom(zoom / 2));
for (const radio of document.querySelectorAll("input[name=hear]")) radio.addEventListener("change", applyLevels);
sheet.addEventListener("click", (event) => {
  const lane = event.target.closest(".lane");
  if (!lane) return;
  const box = lane.getBoundingClientRect();
  seek((event.clientX - box.left) / box.width * duration);
});
const lastBar = Math.max(...barButtons.keys());
const region = byId("region"), loopFrom = byId("loop-from"), loopTo = byId("loop-to");
function setLoop(first, last) {  // no bars end the loop
  const at = position();
  loop = first ? { start: bars.start(first), end: bars.end(Math.max(first, last), lastBar) } : null;
  byId("loop").setAttribute("aria-pressed", loop !== null);
  byId("loop-bars").hidden = region.hidden = loop === null;
  if (loop) {
    loopFrom.value = first; loopTo.value = Math.max(first, last);
    region.style.left = `${100 * loop.start / duration}%`;
    region.style.width = `${100 * (loop.end - loop.start) / duration}%`;
  }
  for (const [bar, button] of barButtons) button.classList.toggle("is-looped", loop !== null && bar >= first && bar <= Math.max(first, last));
  if (isPlaying) play(at);
}
function toggleLoop() {
  const here = clamp(bars.barAt(position()), 1, lastBar);
  if (loop) setLoop(0, 0); else setLoop(here, Math.min(here + 3, lastBar));
}
const barIn = (field) => clamp(Math.round(Number(field.value)) || 1, 1, lastBar);
byId("loop")?.addEventListener("click", toggleLoop);
for (const field of [loopFrom, loopTo]) field?.addEventListener("change", () => setLoop(barIn(loopFrom), barIn(loopTo)));
const hearBar = (bar) => { rest = bars.start(bar); play(rest); };
for (const [bar, button] of barButtons) {
  button.addEventListener("click", (event) => {
    if (event.shiftKey && bar) setLoop(loop ? Math.min(barIn(loopFrom), bar) : bar, bar);
    else hearBar(bar);
  });
}
for (const button of document.querySelectorAll("[data-hear]")) button.addEventListener("click", () => hearBar(Number(button.dataset.hear)));
byId("save-chart")?.addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([byId("chart-text").value], { type: "text/plain" }));
  link.download = "song.chart";
  link.click();
  URL.revokeObjectURL(link.href);
});
function hearStems() {  // mute, solo and volume act on stems, so they switch to them
  document.querySelector("input[name=hear][value=stems]").checked = true;
  applyLevels();
}
for (const track of tracks) {
  for (const [kind, flag] of [["mute", "isMuted"], ["solo", "isSolo"]]) {
    const button = track.row.querySelector(`.${kind}`);
    button?.addEventListener("click", () => {
      track[flag] = !track[flag];
      button.setAttribute("aria-pressed", track[flag]);
      hearStems();
    });
  }
  const fader = track.row.querySelector(".volume");
  fader?.addEventListener("input", () => {
    const decibels = Number(fader.value);
    track.volume = decibels <= -40 ? 0 : amplitude(decibels);
    fader.setAttribute("aria-valuetext", decibels <= -40 ? "off" : `${decibels} dB`);
    hearStems();
  });
  fader?.addEventListener("dblclick", () => { fader.value = 0; fader.dispatchEvent(new Event("input")); });
}
document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("summary, a")) return;
  if (event.key === " " && !target.closest("button, textarea")) { event.preventDefault(); isPlaying ? pause() : play(); }
  if (target.matches("input, textarea")) return;
  const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (turn) {
    event.preventDefault();
    const bar = Math.max(bars.barAt(position()) + turn, 1);
    seek(event.shiftKey && bars.beats.length ? bars.start(bar) : position() + 5 * turn);
  }
  if (event.key === "l" && barButtons.size) toggleLoop();
  if (event.key === "Home") { event.preventDefault(); seek(0); }
});
new ResizeObserver(() => thin()).observe(timeline);

document.documentElement.classList.add("has-script");
byId("play").disabled = false;
applyLevels();
show();
