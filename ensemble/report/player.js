
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const times = JSON.parse(byId("times").textContent);
  const duration = times.duration;
  const tracks = [...document.querySelectorAll(".track")].map((row) => ({
    row,
    role: row.dataset.role,
    audio: row.querySelector("audio"),
    gain: 10 ** (Number(row.dataset.gainDb) / 20),
    volume: 1, isMuted: false, isSolo: false,
  }));
  const isInside = tracks.every((track) => track.audio.src.startsWith("data:"));
  const MEMORY_BYTES = 700e6;
  const decodedBytes = tracks.length * duration * 48000 * 2 * 4;

  // Sound, exact to the sample: every file is decoded and all start on one clock.
  class Buffers {
    async load() {
      this.context = new AudioContext();
      const stems = this.context.createDynamicsCompressor();  // so that loud stems do not clip; the mix has its own limiter
      stems.threshold.value = -2; stems.knee.value = 0; stems.ratio.value = 20; stems.attack.value = 0.002; stems.release.value = 0.1;
      const level = this.context.createGain();
      level.gain.value = 10 ** (-1.14 / 20);  // what the compressor adds to everything with these settings
      stems.connect(level).connect(this.context.destination);
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
    const anySolo = tracks.some((other) => other.isSolo);
    const isHeard = hear() === "stems" && !track.isMuted && (!anySolo || track.isSolo);
    return isHeard ? track.gain * track.volume : 0;
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
    rest = Math.min(Math.max(to, 0), duration);
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
  const { beats, chords, entry, downbeats, beatsPerBar } = times;
  const barButtons = new Map([...document.querySelectorAll("[data-bar]")].map((button) => [Number(button.dataset.bar), button]));
  let shownBeat = null, now = null;
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
  function beatAt(seconds) {
    let low = 0, high = beats.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (beats[middle] <= seconds + 1e-3) low = middle + 1; else high = middle;
    }
    return low - 1;
  }
  const barOf = (beat) => downbeats.filter((downbeat) => downbeat <= beat).length;
  function showBeat(beat) {
    if (beat === shownBeat) return;
    shownBeat = beat;
    now?.classList.remove("is-now");
    const bar = beat < entry ? -1 : barOf(beat);
    const inBar = beat - downbeats[bar - 1] + 1;
    byId("bar").textContent = bar < 0 ? "Before the leader" : bar ? `Bar ${bar}, beat ${inBar}` : "Pickup";
    byId("chord").textContent = beat < 0 ? "" : chords[beat];
    now = barButtons.get(bar);
    now?.classList.add("is-now");
  }
  const timeline = byId("timeline"), sheet = byId("sheet"), playhead = byId("playhead"), slider = byId("seek");
  function show() {
    const at = position();
    playhead.style.left = `${100 * at / duration}%`;
    byId("time").textContent = clock(at);
    slider.value = at;
    if (beats.length) showBeat(beatAt(at));
    slider.setAttribute("aria-valuetext", `${Math.floor(at / 60)} minutes ${Math.floor(at % 60)} seconds, ${byId("bar").textContent}`);
    if (isPlaying && zoom > 1) follow();
  }
  function showState() {
    byId("play").classList.toggle("is-playing", isPlaying);
    byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  }
  function follow() {
    const view = timeline.getBoundingClientRect(), line = playhead.getBoundingClientRect();
    const head = sheet.querySelector(".over").offsetLeft;
    if (line.left < view.left + head || line.left > view.right - 24) timeline.scrollLeft += line.left - view.left - head - 0.1 * view.width;
  }
  let zoom = 1;
  const maxZoom = Math.max(4, 2 ** Math.ceil(Math.log2(duration / 8)));
  function setZoom(to) {
    zoom = Math.min(Math.max(to, 1), maxZoom);
    sheet.style.setProperty("--zoom", zoom);
    byId("out").disabled = zoom === 1;
    byId("in").disabled = zoom === maxZoom;
    thin();
    if (zoom > 1) follow();
  }
  function thin() {
    thinLabels();
    const beatPixels = sheet.querySelector(".over").offsetWidth / Math.max(beats.length, 1);
    document.querySelector(".grid .beats").style.display = beatPixels < 6 ? "none" : "";
    document.querySelector(".grid .bars").style.display = beatPixels * beatsPerBar < 6 ? "none" : "";
  }
  function thinLabels() {  // a label that would touch another is left out; chords that last longer go first
    for (const kind of [".bar-label", ".chord-label"]) {
      const labels = [...document.querySelectorAll(kind)];
      for (const label of labels) label.style.display = "";
      const spans = labels.map((label, index) => ({
        label, index, left: label.offsetLeft, right: label.offsetLeft + label.offsetWidth + 3, beats: Number(label.dataset.beats ?? 0),
      }));
      const kept = [];
      for (const span of spans.sort((one, other) => other.beats - one.beats || one.index - other.index)) {
        const touches = kept.some((other) => span.left < other.right && other.left < span.right);
        if (touches) span.label.style.display = "none"; else kept.push(span);
      }
    }
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
  const barStart = (bar) => beats[bar ? downbeats[bar - 1] : entry] ?? 0;
  const lastBar = Math.max(...barButtons.keys());
  const barEnd = (bar) => (bar >= lastBar ? duration : barStart(bar + 1));
  const region = byId("region"), loopFrom = byId("loop-from"), loopTo = byId("loop-to");
  function setLoop(first, last) {  // no bars end the loop
    const at = position();
    loop = first ? { start: barStart(first), end: barEnd(Math.max(first, last)) } : null;
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
    const here = Math.min(Math.max(barOf(beatAt(position())), 1), lastBar);
    if (loop) setLoop(0, 0); else setLoop(here, Math.min(here + 3, lastBar));
  }
  const barIn = (field) => Math.min(Math.max(Math.round(Number(field.value)) || 1, 1), lastBar);
  byId("loop")?.addEventListener("click", toggleLoop);
  for (const field of [loopFrom, loopTo]) field?.addEventListener("change", () => setLoop(barIn(loopFrom), barIn(loopTo)));
  const hearBar = (bar) => { rest = barStart(bar); play(rest); };
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
      track.volume = decibels <= -40 ? 0 : 10 ** (decibels / 20);
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
      const bar = barOf(beatAt(position()));
      seek(event.shiftKey && beats.length ? barStart(Math.max(bar + turn, 1)) : position() + 5 * turn);
    }
    if (event.key === "l" && barButtons.size) toggleLoop();
    if (event.key === "Home") { event.preventDefault(); seek(0); }
  });
  new ResizeObserver(() => thin()).observe(timeline);

  document.documentElement.classList.add("has-script");
  byId("play").disabled = false;
  applyLevels();
  show();
})();
