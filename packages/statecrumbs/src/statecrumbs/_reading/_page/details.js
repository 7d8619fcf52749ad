// All about one crumb; and about an exception: the program's own calls, with source and variables.

function table(title, entries) {
  const list = element("dl", "code");
  for (const [key, value] of entries) {
    list.append(element("dt", "", visible(key)), element("dd", "", visibleLines(asText(value))));
  }
  return element("section", "", element("h3", "", title), list);
}

function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function placeOf(call) {
  const file = visible(call.file ?? "?");
  const cut = Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1;
  return element(
    "span",
    "file",
    element("span", "folder", file.slice(0, cut)),
    call.line ? `${file.slice(cut)}:${visible(call.line)}` : file.slice(cut),
  );
}

function callParts(call) {
  const parts = [];
  if (Array.isArray(call.source)) {
    const lines = call.source.map(([number, text]) =>
      element("span", number === call.line ? "line culprit" : "line", `${String(number).padStart(5)}  ${visible(text)}`));
    parts.push(element("pre", "source", ...lines));
  }
  if (isObject(call.locals)) parts.push(table("Variables", Object.entries(call.locals)));
  return parts;
}

function callOf(call, isOpen) {
  const parts = callParts(call);
  const title = [element("span", "function", visible(call.function ?? "?")), " ", placeOf(call)];
  if (!parts.length) return element("div", "call", ...title);
  const made = element("details", "call", element("summary", "", ...title), ...parts);
  made.open = isOpen;
  return made;
}

// The calls, the innermost first. The program's own one that is nearest to the failure is open, and
// those of libraries are folded.
function traceback(entries) {
  const list = element("div", "traceback code");
  const calls = entries.filter(isObject).reverse();
  let isOpen = true;
  for (let at = 0; at < calls.length; at += 1) {
    if (!calls[at].library) {
      list.append(callOf(calls[at], isOpen));
      isOpen = false;
      continue;
    }
    const folded = [];
    while (calls[at]?.library) folded.push(calls[at++]);
    at -= 1;
    const names = [...new Set(folded.map((call) => visible(call.library)))].join(", ");
    const what = `${folded.length} ${folded.length > 1 ? "calls" : "call"} in ${names}`;
    list.append(element(
      "details",
      "call library",
      element("summary", "quiet", what),
      ...folded.map((call) => callOf(call, false)),
    ));
  }
  return list;
}

// The exception, then what caused it, and what caused that; then the members of a group.
function exceptionParts(exception, title, depth = 0) {
  const part = element(
    "section",
    depth ? "exception cause" : "exception",
    element("h3", "", title),
    element("p", "type", visible(exception.type ?? "Exception")),
    element("p", "message", visibleLines(exception.message)),
  );
  if (isObject(exception.frame)) part.append(element("p", "quiet", `raised in ${frameName(exception.frame)}`));
  for (const note of Array.isArray(exception.notes) ? exception.notes : []) {
    part.append(element("p", "note", visibleLines(note)));
  }
  if (Array.isArray(exception.traceback) && exception.traceback.length) {
    part.append(traceback(exception.traceback));
  }
  const parts = [part];
  (Array.isArray(exception.exceptions) ? exception.exceptions : []).forEach((member, number, all) => {
    if (isObject(member) && depth < 20) {
      parts.push(...exceptionParts(member, `Member ${number + 1} of ${all.length}`, depth + 1));
    }
  });
  if (isObject(exception.cause) && depth < 20) {
    parts.push(...exceptionParts(exception.cause, "Caused by", depth + 1));
  }
  return parts;
}

// Where the other threads and tasks were, each folded.
function runningParts(running) {
  const stacks = running.filter((each) => isObject(each) && Array.isArray(each.stack)).map((each) =>
    element(
      "details",
      "call",
      element("summary", "", `${each.task === undefined ? "thread" : "task"} ${visible(each.task ?? each.thread ?? "?")}`),
      traceback(each.stack),
    ));
  return stacks.length ? [element("section", "", element("h3", "", "Other threads and tasks"), ...stacks)] : [];
}

// In the reader's zone; the same moment in UTC stands beside it.
function localTime(time) {
  if (Number.isNaN(time)) return "";
  const date = new Date(time / 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString(undefined, {
    year: "numeric", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short",
  });
}

function crumbParts(crumb) {
  const { raw } = crumb;
  const link = element("a", "link", `link to crumb ${crumb.index}`);
  link.href = `#c${crumb.index}`;
  const when = element("p", "quiet", [localTime(crumb.time), visible(raw.ts ?? "")].filter(Boolean).join("  ·  "), "  ", link);
  const parts = [when];
  const data = dataOf(raw);
  if (data.length) parts.push(table("Data", data));
  if (isObject(raw.context)) parts.push(table("Context", Object.entries(raw.context)));
  const where = [];
  if (several) where.push(["process", processName(crumb.process)]);
  if (raw.thread !== undefined) where.push(["thread", raw.thread]);
  if (isObject(raw.frame)) where.push(...Object.entries(raw.frame));
  if (where.length) parts.push(table("Where", where));
  if (isObject(raw.exception)) parts.push(...exceptionParts(raw.exception, "Exception"));
  if (Array.isArray(raw.running)) parts.push(...runningParts(raw.running));
  return parts;
}
