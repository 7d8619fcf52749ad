// The state of the page: what is shown, what is selected, and the keys.

const $ = (id) => document.getElementById(id);

function headline() {
  const { ending, died, path } = recording;
  const process = isObject(ending.process) ? ending.process : {};
  document.body.classList.toggle("failed", Boolean(failing));
  $("headline").textContent = recording.headline;
  $("died").textContent = died;
  const where = focus
    ? [
        failing ? "" : `last seen: ${focus.event}`,
        focus.frame,
        focusOperation && `#${visible(focusOperation)}`,
        focus.thread,
        visible(focus.raw.ts ?? ""),
      ]
    : ["nothing was recorded"];
  $("where").textContent = where.filter(Boolean).join("  ·  ");
  const count = (number, what) => (number ? `${number.toLocaleString("en")} ${what}` : "");
  const dropped = ending.dropped ?? failing?.raw.dropped;
  const facts = [
    Array.isArray(process.argv) && process.argv.map(visible).join(" "),
    process.pid !== undefined && `pid ${visible(process.pid)}`,
    process.parent_pid && `parent ${visible(process.parent_pid)}`,
    process.host && visible(process.host),
    process.python && `Python ${visible(process.python)}`,
    `${crumbs.length.toLocaleString("en")} crumbs`,
    count(dropped, "dropped"),
    count(ending.torn, "torn"),
    count(ending.shortened, "shortened"),
    visible(path),
  ];
  $("facts").replaceChildren(...facts.filter(Boolean).map((fact) => element("span", "", fact)));
}

function fill(select, label, names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  select.replaceChildren(new Option(label, ""));
  for (const [name, number] of [...counts].sort((a, b) => b[1] - a[1])) {
    const option = new Option(`${name || "(none)"} · ${number.toLocaleString("en")}`, `=${name}`);
    select.append(option);
  }
  select.parentElement.hidden = counts.size < 2;
}

const chosen = (select) => (select.value ? select.value.slice(1) : null);

const list = new List($("list"), $("rows"), (row) => {
  inspect($("inspector"), row);
  timeline.show(list.shown ?? crumbs, row?.crumb ?? null);
});
const timeline = new Timeline($("timeline"), (crumb) => {
  list.selectCrumb(crumb);
  $("list").focus();
});

function refresh() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = matching({
    words,
    thread: chosen($("thread")),
    frame: chosen($("frame")),
    onlyFocus: $("focus").checked,
  });
  $("count").textContent = shown.length === crumbs.length
    ? `${crumbs.length.toLocaleString("en")} crumbs`
    : `${shown.length.toLocaleString("en")} of ${crumbs.length.toLocaleString("en")}`;
  $("empty").hidden = shown.length > 0;
  list.show(shown, $("by-time").checked ? null : grouped(shown), words);
}

function isFiltered() {
  return $("search").value || $("thread").value || $("frame").value || $("focus").checked;
}

function showAll() {
  $("search").value = "";
  $("thread").value = "";
  $("frame").value = "";
  $("focus").checked = false;
  refresh();
}

// Out of the details or the search; then away with the filters; then to the failure.
function escape() {
  const active = document.activeElement;
  if (active !== $("list") && active !== document.body) $("list").focus();
  else if (isFiltered()) showAll();
  else if (focus) list.selectCrumb(focus);
}

const keys = {
  j: () => list.move(1),
  ArrowDown: () => list.move(1),
  k: () => list.move(-1),
  ArrowUp: () => list.move(-1),
  PageDown: () => list.move(list.page()),
  PageUp: () => list.move(-list.page()),
  Home: () => list.select(0),
  End: () => list.select(list.rows.length - 1),
  ArrowLeft: () => list.fold(),
  ArrowRight: () => list.unfold(),
  Enter: () => {
    if (list.current?.group) list.toggle(list.current.group);
    else $("inspector").focus();
  },
  "/": () => $("search").select(),
  f: () => $("focus").click(),
  t: () => $("by-time").click(),
  "+": () => timeline.zoom(1 / 2),
  "=": () => timeline.zoom(1 / 2), // where + is its shifted key
  "-": () => timeline.zoom(2),
  0: () => timeline.showAll(),
  "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const { target, key } = event;
  if (key === "Escape") {
    event.preventDefault();
    escape();
    return;
  }
  if (target === $("search") && (key === "Enter" || key === "ArrowDown")) {
    event.preventDefault();
    $("list").focus();
    return;
  }
  // Elsewhere these keys mean something else: in a field, on a button, to scroll the details.
  if (target.matches("input[type=search], select")) return;
  const isOfList = target === $("list") || target === document.body;
  if (!isOfList && key.length > 1) return;
  if (keys[key]) {
    event.preventDefault();
    if (key.length > 1 || "jk".includes(key)) $("list").focus({ preventScroll: true });
    keys[key]();
  }
});

headline();
fill($("thread"), "All threads", crumbs.map((crumb) => crumb.thread));
fill($("frame"), "All frames", crumbs.map((crumb) => crumb.frame));
$("focus-label").querySelector("span").textContent = failing
  ? "Only the failing operation"
  : "Only the last operation";
$("bar").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["search", "thread", "frame", "focus", "by-time"]) {
  $(id).addEventListener("input", refresh);
}
$("keys").addEventListener("click", () => $("help").showModal());
refresh();
if (focus) list.selectCrumb(focus);
$("list").focus({ preventScroll: true });
