// The recording as the page shows it: crumbs with their times, and groups by thread and frame.

const recording = JSON.parse(document.getElementById("data").textContent);

// What a reader cannot see, or what would reorder what is around it, is shown as an escape.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

function escaped(character) {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  const code = character.codePointAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

function visible(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return text.replace(INVISIBLE, escaped);
}

// The same for text that may have several lines, such as the message of an exception.
function visibleLines(value) {
  return String(value ?? "").split("\n").map(visible).join("\n");
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// `bom_sync:fetch_from_api` for a step of a flow, else kind and name.
function frameName(frame) {
  if (!isObject(frame)) return "";
  const name = visible(frame.name ?? "");
  if (frame.flow && frame.flow !== frame.name) return `${visible(frame.flow)}:${name}`;
  return `${visible(frame.kind ?? "")} ${name}`.trim();
}

function correlation(crumb) {
  return isObject(crumb.frame) ? crumb.frame.correlation_id ?? "" : "";
}

// Crumbs of one operation belong together; without one, those of a process do.
function operationKey(crumb, process) {
  return correlation(crumb) || `\0${process}`;
}

// `text` in at most `most` characters. The middle goes: names of threads differ at their ends.
function elided(text, most) {
  if (text.length <= most) return text;
  const tail = Math.ceil((most - 1) / 2);
  return `${text.slice(0, most - 1 - tail)}…${text.slice(-tail)}`;
}

const LEVELS = {
  CRITICAL: "error", FATAL: "error", ERROR: "error",
  WARNING: "warning", WARN: "warning",
  INFO: "info", NOTICE: "info",
  DEBUG: "debug", TRACE: "debug",
};
const SIGNS = { error: "✕", warning: "▲", info: "", debug: "·", none: "" };

// How serious a crumb is: by its exception, or by the level that a log record has.
function levelOf(crumb) {
  if (isObject(crumb.exception) || isReport(crumb)) return "error";
  const level = typeof crumb.level === "string" ? crumb.level.replace(/^'|'$/g, "").toUpperCase() : "";
  return Object.hasOwn(LEVELS, level) ? LEVELS[level] : "none";
}

function isReport(crumb) {
  return crumb.event === "reported" && isObject(crumb.process);
}

const SYSTEM = new Set(["event", "ts", "thread", "context", "frame"]);
// Fields of the last record of a dump. The data of a crumb may have these names too, but are texts.
const OF_DUMP = new Set(["exception", "dropped", "received", "process", "signal", "in_flight", "running", "checksum"]);

function dataOf(crumb) {
  return Object.entries(crumb).filter(
    ([key, value]) => !SYSTEM.has(key) && (!OF_DUMP.has(key) || typeof value === "string"),
  );
}

// The `repr` of a scoped value, as the data of a crumb would have it.
function reprOf(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "string" ? `'${value}'` : String(value);
}

function repeatsScope(crumb, key, value) {
  return isObject(crumb.context) && Object.hasOwn(crumb.context, key) && reprOf(crumb.context[key]) === value;
}

function exceptionLine(exception) {
  const message = visible(exception.message ?? "");
  return visible(exception.type ?? "Exception") + (message ? `: ${message}` : "");
}

function summaryOf(crumb) {
  if (isObject(crumb.exception)) return exceptionLine(crumb.exception);
  return dataOf(crumb)
    .filter(([key, value]) => !repeatsScope(crumb, key, value) && !(key === "level" && levelOf(crumb) !== "none"))
    .map(([key, value]) => `${visible(key)}=${visible(value)}`)
    .join("  ");
}

// Microseconds since the epoch: Date has milliseconds only, and crumbs are often closer.
function microseconds(ts) {
  const parts = /^(.*?\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(.*)$/.exec(typeof ts === "string" ? ts : "");
  if (!parts) return NaN;
  return Date.parse(parts[1] + parts[3]) * 1000 + Number((parts[2] ?? "").padEnd(6, "0"));
}

const several = new Set(recording.of).size > 1;
const processName = (number) => visible(recording.processes[number] ?? "");

const crumbs = recording.crumbs.map((crumb, index) => ({
  index,
  raw: crumb,
  event: visible(crumb.event),
  process: recording.of[index],
  thread: [several && processName(recording.of[index]), visible(crumb.thread ?? "")].filter(Boolean).join("  "),
  frame: frameName(crumb.frame),
  key: operationKey(crumb, recording.of[index]),
  lane: "",
  level: levelOf(crumb),
  time: microseconds(crumb.ts),
  text: null, // what a search looks in; made by the first one
}));

const failing = crumbs[recording.failing] ?? null;
// What the page is about: the failure, else the last thing that was recorded.
const focus = failing ?? crumbs.at(-1) ?? null;
const focusOperation = focus ? correlation(focus.raw) : "";
for (const crumb of crumbs) {
  crumb.isOfFocus = crumb.key === focus.key;
  crumb.lane = JSON.stringify([crumb.process, correlation(crumb.raw) || crumb.thread]);
}

// From the first to the last moment of `some` crumbs.
function spanOf(some) {
  const span = { first: Infinity, last: -Infinity };
  for (const { time } of some) {
    if (time < span.first) span.first = time;
    if (time > span.last) span.last = time;
  }
  return span;
}
const times = spanOf(crumbs);
const origin = focus && !Number.isNaN(focus.time) ? focus.time : times.last;

// One unit for the whole page, so that times can be compared at a glance.
const isShort = times.last - times.first < 1e6;

function relative(time) {
  if (Number.isNaN(time)) return "";
  const distance = Math.abs(time - origin);
  const sign = time === origin ? "" : time < origin ? "−" : "+";
  if (isShort) return `${sign}${(distance / 1e3).toFixed(3)} ms`;
  const seconds = distance / 1e6;
  if (seconds < 120) return `${sign}${seconds.toFixed(3)} s`;
  if (seconds < 7200) return `${sign}${Math.floor(seconds / 60)} m ${(seconds % 60).toFixed(1)} s`;
  if (seconds < 172800) {
    return `${sign}${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
  }
  return `${sign}${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

// A round distance from the failure, for an axis whose marks are `step` microseconds apart.
function distance(microseconds, step) {
  const amount = Math.abs(microseconds);
  const sign = microseconds === 0 ? "" : microseconds < 0 ? "−" : "+";
  if (step < 6e7) {
    const unit = isShort ? 1e3 : 1e6;
    const digits = Math.max(0, Math.ceil(Math.log10(unit / step) - 1e-9));
    return `${sign}${(amount / unit).toFixed(digits)} ${isShort ? "ms" : "s"}`;
  }
  const minutes = Math.round(amount / 6e7);
  const parts = [[Math.floor(minutes / 1440), "d"], [Math.floor(minutes / 60) % 24, "h"], [minutes % 60, "m"]];
  const shown = parts.filter(([number]) => number).map(([number, unit]) => `${number} ${unit}`);
  return sign + (shown.join(" ") || "0 m");
}

// Groups of one operation: that of the failure first, then by how late they were active.
function grouped(shown) {
  const groups = new Map();
  for (const crumb of shown) {
    if (!groups.has(crumb.key)) {
      groups.set(crumb.key, { key: crumb.key, first: crumb, crumbs: [], isFocus: crumb.isOfFocus });
    }
    groups.get(crumb.key).crumbs.push(crumb);
  }
  const last = (group) => group.crumbs.at(-1).index;
  return [...groups.values()].sort((a, b) => b.isFocus - a.isFocus || last(b) - last(a));
}

function matching({ words, thread, frame, onlyFocus }) {
  return crumbs.filter((crumb) => {
    if (thread !== null && crumb.thread !== thread) return false;
    if (frame !== null && crumb.frame !== frame) return false;
    if (onlyFocus && !crumb.isOfFocus) return false;
    if (!words.length) return true;
    crumb.text ??= `${crumb.frame} ${visible(crumb.raw)} ${summaryOf(crumb.raw)}`.toLowerCase();
    return words.every((word) => crumb.text.includes(word));
  });
}
