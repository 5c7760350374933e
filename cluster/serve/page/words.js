// What an edit does, in words: of `Edits`, as the server takes them.

import { spoken } from "./dom.js";

const signed = (value) => `${value > 0 ? "+" : ""}${Number(value.toFixed(1))}`;
const pairs = (words) => (of) => Object.entries(of).map(([part, value]) => words(part, value));
const WORDS = {
  gain_db: pairs((part, value) => `${part} ${signed(value)} dB`),
  pan: pairs((part, value) => `${part} ${value === 0 ? "to the centre" : value < 0 ? "more to the left" : "more to the right"}`),
  density: pairs((part, value) => `density of ${part} ${Math.round(100 * value)} %`),
  instrument: pairs((part, value) => `${part} on ${spoken(value)}`),
  voice: pairs((part, value) => `${part} as ${spoken(value)}`),
  lock: (parts) => parts.map((part) => `${part} locked`),
  unlock: (parts) => parts.map((part) => `${part} unlocked`),
  drop: (parts) => parts.map((part) => `${part} left out`),
  add: (parts) => parts.map(({ name }) => `${name} added`),
  another: (takes) => takes.map((take) => `another way to go on in take ${take}`),
  chart: () => ["another chart"],
  overrides: ({ beat_level, tempo_bpm, first_downbeat_s }) => [
    beat_level === "half" ? "half the tempo" : beat_level === "double" ? "double the tempo"
      : [tempo_bpm && `${Math.round(tempo_bpm)} bpm`, first_downbeat_s != null && `bar 1 at ${first_downbeat_s.toFixed(1)} s`].filter(Boolean).join(", ") || "heard otherwise",
  ],
  extend_s: (seconds) => [`going on for ${seconds} s`],
  style: (name) => [`style ${spoken(name)}`],
  intro: (name) => [`intro ${name}`],
  ending: (name) => [`ending ${name}`],
  complexity: (value) => [`complexity ${Math.round(100 * value)} %`],
  humanize: (value) => [`looseness ${Math.round(100 * value)} %`],
};

export function inWords(edits) {
  const found = Object.entries(edits).flatMap(([name, value]) => (value === null ? [] : WORDS[name]?.(value) ?? []));
  if (edits.parts?.length) {
    const bars = edits.from_bar || edits.to_bar ? ` in bars ${edits.from_bar ?? 1} to ${edits.to_bar ?? "the last"}` : "";
    found.unshift(`${edits.parts.join(" and ")} again${bars}`);
  }
  return found.join(", ") || "the same again";
}

// How a session went, in words: of `LiveFacts`.
export function liveInWords({ duration_s, deadlines, beat_error_p50_ms, replay_equal }) {
  const found = [`Played live for ${duration_s.toFixed(1)} s`];
  if (deadlines) found.push(`${deadlines.num_quanta - deadlines.late_quanta} of ${deadlines.num_quanta} blocks in time`);
  if (beat_error_p50_ms !== null) found.push(`beats ${Math.round(beat_error_p50_ms)} ms off what was then heard`);
  return `${found.join(", ")}. Rendered again from the recording: ${replay_equal ? "the same bytes" : "other bytes"}.`;
}
