// The state of the page: what is shown, what is selected, and the keys.

const $ = byId;

function copyButton(text) {
  const button = element("button", "copy control", "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch { // without permission the reader can still copy the selection
      getSelection().selectAllChildren(button.previousSibling);
      button.textContent = "Selected";
    }
  });
  return button;
}

function headline() {
  const { ending, died, files } = recording;
  const process = isObject(ending.process) ? ending.process : {};
  document.body.classList.toggle("failed", Boolean(failing));
  $("headline").textContent = recording.headline;
  $("died").textContent = died;
  const frame = isObject(focus?.raw.frame) ? focus.raw.frame : {};
  const where = [];
  if (!focus) where.push("nothing was recorded");
  if (focus && !failing) where.push(`last seen: ${focus.event}`);
  if (frame.flow && frame.name && frame.flow !== frame.name) {
    where.push(`step ${visible(frame.name)}`, `flow ${visible(frame.flow)}`);
  } else if (focus?.frame) where.push(focus.frame);
  if (focus?.thread) where.push(elided(focus.thread, 60));
  $("where").replaceChildren(...where.map((part) => element("span", "part", part)));
  if (focusOperation) {
    const id = visible(focusOperation);
    $("where").append(element("span", "part", element("span", "code id", id), copyButton(id)));
  }
  const when = focus ? [localTime(focus.time), focus.raw.ts ? `${visible(focus.raw.ts)}` : ""] : [];
  $("when").replaceChildren(...when.filter(Boolean).map((part) => element("span", "part", part)));
  const count = (number, what) => (number ? `${number.toLocaleString("en")} ${what}` : "");
  const dropped = ending.dropped ?? failing?.raw.dropped;
  const facts = files.length > 1
    ? [`${files.length} files`, several && `${new Set(recording.of).size} processes`]
    : [
        Array.isArray(process.argv) && process.argv.map(visible).join(" "),
        process.pid !== undefined && `pid ${visible(process.pid)}`,
        process.host && visible(process.host),
        process.python && `Python ${visible(process.python)}`,
      ];
  facts.push(
    `${crumbs.length.toLocaleString("en")} crumbs`,
    count(dropped, "dropped"),
    count(ending.torn, "torn"),
    count(ending.shortened, "shortened"),
  );
  $("facts").replaceChildren(...facts.filter(Boolean).map((fact) => element("span", "part", fact)));
  for (const { name, path, lines } of files) {
    $("about").append(element("h3", "", name === path ? name : `${name}  ${path}`));
    $("about").append(...lines.map((line) => element("p", "code", line)));
  }
  for (const said of [...recording.clocks, ...recording.missing]) {
    $("about").before(element("p", "said", said));
  }
  const failed = crumbs.filter((crumb) => crumb.isOfFocus && isObject(crumb.raw.exception)).reverse();
  const title = (crumb) => (several ? `Exception in ${processName(crumb.process)}` : "Exception");
  $("failure").replaceChildren(...failed.flatMap((crumb) => exceptionParts(crumb.raw.exception, title(crumb))));
  $("failure").hidden = !failed.length;
}

function fill(select, label, names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  select.replaceChildren(new Option(label, ""));
  for (const [name, number] of [...counts].sort((a, b) => b[1] - a[1])) {
    const option = new Option(`${elided(name, 40) || "(none)"} · ${number.toLocaleString("en")}`, `=${name}`);
    select.append(option);
  }
  select.parentElement.hidden = counts.size < 2;
}

const chosen = (select) => (select.value ? select.value.slice(1) : null);

const list = new List($("list"), $("rows"), (row) => {
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
  Enter: () => list.enter(),
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

// A link to a crumb opens it; else the failure is selected.
function follow() {
  const linked = /^#c(\d+)$/.exec(location.hash);
  const crumb = linked ? crumbs[Number(linked[1])] : null;
  if (crumb) {
    list.scrollsPage = true;
    list.selectCrumb(crumb);
    list.open(crumb);
    list.reveal();
  }
  return Boolean(crumb);
}
if (!follow() && focus) list.selectCrumb(focus);
list.scrollsPage = true;
addEventListener("hashchange", follow);

// On paper are all crumbs and all calls, dark on light, whatever was chosen on the screen.
const folded = [];
let chosenBefore = null;
function print() {
  if (chosenBefore) return;
  const { theme } = document.documentElement.dataset;
  chosenBefore = { shown: list.shown, groups: list.groups, words: list.words, theme };
  document.documentElement.dataset.theme = "light";
  list.isPrinted = true;
  list.groups = null;
  for (const each of document.querySelectorAll("#failure details:not([open]), #about:not([open])")) {
    each.open = true;
    folded.push(each);
  }
  list.show(crumbs, null, []);
  timeline.draw(); // no frame comes before the paper
}
function printed() {
  if (!chosenBefore) return;
  const { shown, groups, words, theme } = chosenBefore;
  chosenBefore = null;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  list.isPrinted = false;
  for (const each of folded.splice(0)) each.open = false;
  list.show(shown, groups, words);
}
addEventListener("beforeprint", print);
addEventListener("afterprint", printed);
matchMedia("print").addEventListener("change", (event) => (event.matches ? print() : printed()));
$("list").focus({ preventScroll: true });
