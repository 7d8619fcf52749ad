// All about one crumb: what happened, where, in which scope; and for the failure, its causes.

function table(title, entries) {
  const list = element("dl", "");
  for (const [key, value] of entries) {
    list.append(element("dt", "", visible(key)), element("dd", "", visibleLines(asText(value))));
  }
  return element("section", "", element("h3", "", title), list);
}

function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function traceback(entries) {
  const list = element("ol", "traceback");
  for (const entry of entries) {
    if (!isObject(entry)) continue;
    const file = visible(entry.file ?? "?");
    const cut = Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1;
    list.append(
      element(
        "li",
        "",
        element("span", "function", visible(entry.function ?? "?")),
        element(
          "span",
          "file",
          element("span", "folder", file.slice(0, cut)),
          `${file.slice(cut)}:${visible(entry.line ?? "?")}`,
        ),
      ),
    );
  }
  return list;
}

// The exception, then what caused it, and what caused that.
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

function crumbParts(crumb) {
  const { raw } = crumb;
  const when = [relative(crumb.time), visible(raw.ts ?? "")].filter(Boolean).join("  ·  ");
  const parts = [element("h2", "", crumb.event), element("p", "quiet", when)];
  if (isObject(raw.exception)) parts.push(...exceptionParts(raw.exception, "Exception"));
  const data = dataOf(raw);
  if (data.length) parts.push(table("Data", data));
  if (isObject(raw.context)) parts.push(table("Context", Object.entries(raw.context)));
  const where = raw.thread === undefined ? [] : [["thread", raw.thread]];
  if (isObject(raw.frame)) where.push(...Object.entries(raw.frame));
  if (where.length) parts.push(table("Where", where));
  return parts;
}

function groupParts(group) {
  const { first, crumbs: members } = group;
  const last = members.at(-1);
  const where = [["thread", first.thread], ...Object.entries(isObject(first.raw.frame) ? first.raw.frame : {})];
  return [
    element("h2", "", first.frame || "outside of any frame"),
    element("p", "quiet", `${members.length.toLocaleString("en")} crumbs, ${relative(first.time)} to ${relative(last.time)}`),
    table("Where", where),
  ];
}

function inspect(box, row) {
  if (row?.crumb) box.replaceChildren(...crumbParts(row.crumb));
  else if (row?.group) box.replaceChildren(...groupParts(row.group));
  else box.replaceChildren();
  box.scrollTop = 0;
}
