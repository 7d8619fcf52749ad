// The list of crumbs, a tree of operations. Only the rows in view are in the document, so that ten
// thousand crumbs are as quick as ten. One crumb may be open: its details stand below its row.

const AROUND = 12; // rows beyond the edges, so that scrolling shows no blank
const narrow = matchMedia("(max-width: 44rem)");

class List {
  constructor(box, rows, onSelect) {
    this.box = box;
    this.holder = rows;
    this.onSelect = onSelect;
    this.rows = [];
    this.selected = -1;
    this.words = [];
    this.folded = new Map(); // by key of a group, where the reader decided
    this.opened = null; // the crumb whose details are shown
    this.details = element("div", "details");
    this.room = 0; // pixels that the details take
    this.scrollsPage = false; // a page begins at its top
    new ResizeObserver(() => this.measure()).observe(this.details);
    // As wide as what is in them, so that the columns after them are aligned.
    for (const [column, text, most] of [
      ["--time", (crumb) => relative(crumb.time), 16],
      ["--event", (crumb) => crumb.event, 24],
    ]) {
      const longest = crumbs.reduce((length, crumb) => Math.max(length, text(crumb).length), 0);
      box.style.setProperty(column, `${Math.min(longest, most)}ch`);
    }
    for (const each of [box, window]) {
      each.addEventListener("scroll", () => this.paint(), { passive: true });
    }
    new ResizeObserver(() => {
      this.resize();
      if (box.scrollHeight > box.clientHeight) this.reveal(); // its room is known only now
    }).observe(box);
    narrow.addEventListener("change", () => this.resize());
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[data-row]");
      if (!row) return;
      const index = Number(row.dataset.row);
      if (this.rows[index].group) this.toggle(this.rows[index].group);
      else {
        this.select(index);
        this.open(this.opened === this.current.crumb ? null : this.current.crumb);
      }
    });
  }

  get height() {
    return narrow.matches ? 48 : 28; // pixels of a row, as in the style
  }

  // Show `groups`, or `shown` in time order where `groups` is null.
  show(shown, groups, words) {
    this.shown = shown;
    this.groups = groups;
    this.words = words;
    const before = this.rows[this.selected]?.crumb;
    this.build();
    const again = before ? this.rows.findIndex((row) => row.crumb === before) : -1;
    this.select(again >= 0 ? again : this.rows.findIndex((row) => row.crumb));
  }

  // The operation of the failure is open, and so is what a search found.
  isFolded(group) {
    return this.folded.get(group.key) ?? !(group.isFocus || this.words.length || this.groups.length === 1);
  }

  build() {
    this.rows = [];
    let place = "";
    const add = (crumb, of, threads) => {
      const thread = several ? processName(crumb.process) : threads > 1 && crumb.thread;
      const id = !of && correlation(crumb.raw);
      const own = [thread && elided(thread, 20), crumb.frame, id && `#${visible(id).slice(0, 4)}`].filter(Boolean).join("  ");
      this.rows.push({ crumb, group: null, of, place: own === place ? "" : own });
      place = own;
    };
    if (this.groups === null) {
      const threads = new Set(this.shown.map((crumb) => crumb.thread)).size;
      for (const crumb of this.shown) add(crumb, null, threads);
    } else {
      for (const group of this.groups) {
        this.rows.push({ crumb: null, group, of: null });
        place = "";
        const threads = new Set(group.crumbs.map((crumb) => crumb.thread)).size;
        if (!this.isFolded(group)) for (const crumb of group.crumbs) add(crumb, group, threads);
      }
    }
    this.openIndex = this.opened ? this.rows.findIndex((row) => row.crumb === this.opened) : -1;
    this.resize();
  }

  resize() {
    this.painted = null;
    this.holder.style.height = `${this.rows.length * this.height + this.room}px`;
    this.paint();
  }

  get current() {
    return this.rows[this.selected] ?? null;
  }

  top(index) {
    return index * this.height + (this.openIndex >= 0 && index > this.openIndex ? this.room : 0);
  }

  select(index) {
    this.selected = Math.max(-1, Math.min(index, this.rows.length - 1));
    this.reveal();
    this.painted = null;
    this.paint();
    this.onSelect(this.current);
  }

  selectCrumb(crumb) {
    this.folded.set(crumb.key, false);
    this.build();
    this.select(this.rows.findIndex((row) => row.crumb === crumb));
  }

  // Show the details of `crumb` below its row, of none where it is null.
  open(crumb) {
    this.opened = crumb;
    this.details.replaceChildren(...(crumb ? crumbParts(crumb) : []));
    this.room = 0;
    this.build();
    if (crumb) history.replaceState(null, "", `#c${crumb.index}`);
    this.measure();
  }

  measure() {
    const room = this.openIndex >= 0 ? this.details.offsetHeight : 0;
    if (room !== this.room) {
      this.room = room;
      this.resize();
    }
  }

  move(by) {
    if (this.rows.length) this.select(Math.max(0, this.selected + by));
  }

  page() {
    return Math.max(1, Math.floor(this.view().height / this.height) - 1);
  }

  toggle(group, isFolded = !this.isFolded(group)) {
    this.folded.set(group.key, isFolded);
    this.build();
    this.select(this.rows.findIndex((row) => row.group === group));
  }

  enter() {
    const row = this.current;
    if (row?.group) this.toggle(row.group);
    else if (row) this.open(this.opened === row.crumb ? null : row.crumb);
  }

  // Left and right, as in any tree.
  fold() {
    const row = this.current;
    if (row?.crumb && row.crumb === this.opened) this.open(null);
    else if (row?.group && !this.isFolded(row.group)) this.toggle(row.group, true);
    else if (row?.of) this.select(this.rows.findIndex((each) => each.group === row.of));
  }

  unfold() {
    const row = this.current;
    if (row?.crumb) this.open(row.crumb);
    else if (row?.group && this.isFolded(row.group)) this.toggle(row.group, false);
    else if (row?.group) this.move(1);
  }

  // The part of the rows that can be seen: the list scrolls, or on a narrow page the window does.
  view() {
    const hidden = Math.max(0, -this.box.getBoundingClientRect().top);
    return {
      top: this.box.scrollTop + hidden,
      height: Math.min(this.box.clientHeight, innerHeight),
    };
  }

  reveal() {
    if (this.selected < 0) return;
    const { top, height } = this.view();
    const at = this.top(this.selected);
    const room = this.selected === this.openIndex ? Math.min(this.room, height - 3 * this.height) : 0;
    let by = 0;
    if (at < top + this.height) by = at - this.height - top;
    else if (at + room + 2 * this.height > top + height) by = at + room + 2 * this.height - top - height;
    if (this.box.scrollHeight > this.box.clientHeight) this.box.scrollTop += by;
    else if (by && this.scrollsPage) scrollBy(0, by);
  }

  paint() {
    const { top, height } = this.view();
    const before = (y) => Math.floor((y > this.top(this.openIndex) ? y - this.room : y) / this.height);
    let first = Math.max(0, before(top) - AROUND);
    let last = Math.min(this.rows.length, before(top + height) + AROUND + Math.ceil(this.room / this.height));
    if (this.isPrinted) [first, last] = [0, this.rows.length];
    if (this.painted === `${first} ${last}`) return;
    this.painted = `${first} ${last}`;
    const made = [];
    for (let index = first; index < last; index += 1) {
      made.push(this.row(index));
      if (index === this.openIndex) {
        this.details.style.top = `${this.top(index) + this.height}px`;
        made.push(this.details);
      }
    }
    this.holder.replaceChildren(...made);
    const active = this.selected >= first && this.selected < last;
    if (active) this.box.setAttribute("aria-activedescendant", `row-${this.selected}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(index) {
    const { crumb, group, of, place } = this.rows[index];
    const made = group ? this.groupRow(group) : this.crumbRow(crumb, place);
    made.id = `row-${index}`;
    made.dataset.row = index;
    made.setAttribute("role", "treeitem");
    made.setAttribute("aria-selected", String(index === this.selected));
    made.setAttribute("aria-level", of ? "2" : "1");
    made.setAttribute("aria-posinset", String(index + 1));
    made.setAttribute("aria-setsize", String(this.rows.length));
    made.style.top = `${this.top(index)}px`;
    return made;
  }

  groupRow(group) {
    const isOpen = !this.isFolded(group);
    const { frame, raw } = group.first;
    const id = correlation(raw);
    const places = new Set(group.crumbs.map((crumb) => (several ? processName(crumb.process) : crumb.thread)));
    const made = element(
      "div",
      `row group${group.isFocus && failing ? " failing" : ""}`,
      element("span", "fold", isOpen ? "▾" : "▸"),
      element("span", "name", ...this.marked(id ? frame || "operation" : "outside of any operation")),
    );
    if (id) made.append(element("span", "id", `#${visible(id).slice(0, 8)}`));
    if (!group.isFocus && group.crumbs.some((crumb) => crumb.level === "error")) {
      const sign = element("span", "sign", SIGNS.error);
      sign.setAttribute("aria-label", "error");
      made.append(sign);
    }
    made.append(
      element("span", "quiet where", elided([...places].map((place) => elided(place, 20)).join(", "), 48)),
      element("span", "quiet number", group.crumbs.length.toLocaleString("en")),
    );
    made.setAttribute("aria-expanded", String(isOpen));
    return made;
  }

  crumbRow(crumb, place) {
    const sign = element("span", "sign", SIGNS[crumb.level]);
    if (crumb.level !== "none") sign.setAttribute("aria-label", crumb.level);
    const summary = summaryOf(crumb.raw);
    return element(
      "div",
      `row crumb ${crumb.level}${crumb.isOfFocus && this.groups === null ? " of-focus" : ""}${crumb === failing ? " failing" : ""}`,
      element("span", "time", relative(crumb.time)),
      sign,
      element("span", "event", ...this.marked(crumb.event)),
      element("span", "data", ...this.marked(this.isPrinted ? summary : summary.slice(0, 400))),
      element("span", "place", ...this.marked(place)),
    );
  }

  // `text` with what was searched for marked.
  marked(text) {
    if (!this.words.length) return [text];
    const lower = text.toLowerCase();
    if (lower.length !== text.length) return [text]; // ß and the like: positions would not fit
    const parts = [];
    let done = 0;
    while (done < text.length) {
      let at = -1;
      let found = "";
      for (const word of this.words) {
        const next = lower.indexOf(word, done);
        if (next >= 0 && (at < 0 || next < at || (next === at && word.length > found.length))) {
          at = next;
          found = word;
        }
      }
      if (at < 0) break;
      parts.push(text.slice(done, at), element("mark", "", text.slice(at, at + found.length)));
      done = at + found.length;
    }
    parts.push(text.slice(done));
    return parts.filter((part) => part !== "");
  }
}
