// The list of crumbs, a tree of groups. Only the rows in view are in the document, so that ten
// thousand crumbs are as quick as ten.

const ROW = 30; // pixels, as in the style
const AROUND = 12; // rows beyond the edges, so that scrolling shows no blank

class List {
  constructor(box, rows, onSelect) {
    this.box = box;
    this.holder = rows;
    this.onSelect = onSelect;
    this.rows = [];
    this.selected = -1;
    this.words = [];
    this.closed = new Set(); // keys of groups
    this.head = element("div", "row group head");
    this.head.setAttribute("aria-hidden", "true");
    this.head.addEventListener("click", () => this.toggle(this.headed));
    box.prepend(this.head);
    // As wide as what is in them, so that the columns after them are aligned.
    for (const [column, text, most] of [
      ["--time", (crumb) => relative(crumb.time), 16],
      ["--thread", (crumb) => crumb.thread, 16],
      ["--event", (crumb) => crumb.event, 24],
    ]) {
      const longest = crumbs.reduce((length, crumb) => Math.max(length, text(crumb).length), 0);
      box.style.setProperty(column, `${Math.min(longest, most)}ch`);
    }
    box.addEventListener("scroll", () => this.paint(), { passive: true });
    new ResizeObserver(() => this.paint()).observe(box);
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[data-row]");
      if (!row) return;
      const index = Number(row.dataset.row);
      if (this.rows[index].group) this.toggle(this.rows[index].group);
      else this.select(index);
    });
  }

  // Show `groups`, or `shown` in time order where `groups` is null.
  show(shown, groups, words) {
    this.shown = shown;
    this.groups = groups;
    this.words = words;
    const before = this.rows[this.selected]?.crumb;
    this.build();
    const again = before ? this.rows.findIndex((row) => row.crumb === before) : -1;
    const target = again >= 0 ? again : this.rows.findIndex((row) => row.crumb);
    this.select(target, { quietly: true });
  }

  build() {
    this.rows = [];
    if (this.groups === null) {
      this.rows = this.shown.map((crumb) => ({ crumb, group: null, of: null }));
    } else {
      for (const group of this.groups) {
        this.rows.push({ crumb: null, group, of: null });
        if (this.closed.has(group.key)) continue;
        for (const crumb of group.crumbs) this.rows.push({ crumb, group: null, of: group });
      }
    }
    this.holder.style.height = `${this.rows.length * ROW}px`;
    this.painted = null;
  }

  get current() {
    return this.rows[this.selected] ?? null;
  }

  select(index, { quietly = false } = {}) {
    this.selected = Math.max(-1, Math.min(index, this.rows.length - 1));
    this.reveal();
    this.painted = null;
    this.paint();
    this.onSelect(this.current, quietly);
  }

  selectCrumb(crumb) {
    this.closed.delete(crumb.key);
    this.build();
    this.select(this.rows.findIndex((row) => row.crumb === crumb));
  }

  move(by) {
    if (this.rows.length) this.select(Math.max(0, this.selected + by));
  }

  page() {
    return Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1);
  }

  toggle(group, open = this.closed.has(group.key)) {
    if (open) this.closed.delete(group.key);
    else this.closed.add(group.key);
    this.build();
    this.select(this.rows.findIndex((row) => row.group === group));
  }

  // Left and right, as in any tree.
  fold() {
    const row = this.current;
    if (row?.group && !this.closed.has(row.group.key)) this.toggle(row.group, false);
    else if (row?.of) this.select(this.rows.findIndex((each) => each.group === row.of));
  }

  unfold() {
    const row = this.current;
    if (row?.group && this.closed.has(row.group.key)) this.toggle(row.group, true);
    else if (row?.group) this.move(1);
  }

  reveal() {
    if (this.selected < 0) return;
    const top = this.selected * ROW;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop + ROW) this.box.scrollTop = top - ROW;
    else if (top + 2 * ROW > scrollTop + clientHeight) this.box.scrollTop = top + 2 * ROW - clientHeight;
  }

  paint() {
    this.paintHead();
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - AROUND);
    const last = Math.min(
      this.rows.length,
      Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + AROUND,
    );
    if (this.painted === `${first} ${last}`) return;
    this.painted = `${first} ${last}`;
    const made = [];
    for (let index = first; index < last; index += 1) made.push(this.row(index));
    this.holder.replaceChildren(...made);
    const active = this.selected >= first && this.selected < last;
    if (active) this.box.setAttribute("aria-activedescendant", `row-${this.selected}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  // The group that scrolling has left behind the upper edge stays in sight.
  paintHead() {
    const top = this.rows[Math.floor(this.box.scrollTop / ROW)];
    this.headed = top?.of ?? null;
    this.head.hidden = !this.headed;
    if (this.headed) this.head.replaceChildren(...this.groupRow(this.headed).childNodes);
    this.head.classList.toggle("failing", this.headed?.rank === 2 && Boolean(failing));
  }

  row(index) {
    const { crumb, group, of } = this.rows[index];
    const made = group ? this.groupRow(group) : this.crumbRow(crumb, of);
    made.id = `row-${index}`;
    made.dataset.row = index;
    made.setAttribute("role", "treeitem");
    made.setAttribute("aria-selected", String(index === this.selected));
    made.setAttribute("aria-level", of ? "2" : "1");
    made.setAttribute("aria-posinset", String(index + 1));
    made.setAttribute("aria-setsize", String(this.rows.length));
    made.style.top = `${index * ROW}px`;
    return made;
  }

  groupRow(group) {
    const isOpen = !this.closed.has(group.key);
    const { frame, thread, raw } = group.first;
    const id = correlation(raw);
    const made = element(
      "div",
      `row group${group.rank === 2 && failing ? " failing" : ""}`,
      element("span", "fold", isOpen ? "▾" : "▸"),
      element("span", "name", ...this.marked(frame || "outside of any frame")),
    );
    if (id) made.append(element("span", "id", `#${visible(id).slice(0, 8)}`));
    made.append(
      element("span", "quiet", thread),
      element("span", "quiet number", group.crumbs.length.toLocaleString("en")),
    );
    made.setAttribute("aria-expanded", String(isOpen));
    return made;
  }

  crumbRow(crumb, of) {
    const isFailure = isObject(crumb.raw.exception);
    const made = element(
      "div",
      `row crumb${crumb.isOfFocus && !of ? " of-focus" : ""}${isFailure ? " failing" : ""}`,
      element("span", "time", relative(crumb.time)),
    );
    if (!of) made.append(element("span", "thread", ...this.marked(crumb.thread)));
    made.append(
      element("span", "event", ...this.marked(crumb.event)),
      element("span", "data", ...this.marked(summaryOf(crumb.raw).slice(0, 400))),
    );
    if (!of) made.append(element("span", "frame", ...this.marked(crumb.frame)));
    return made;
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
