"use strict";
// The page around the drawings: pan, zoom, search, details, keyboard. Names and docstrings come from
// users' code, so they are only ever set as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const views = [...document.querySelectorAll(".view")].map(makeView);
  const details = byId("details");
  const search = byId("search");
  const results = byId("results");
  const help = [...details.childNodes];
  const before = data.nodes.map(() => []);
  const after = data.nodes.map(() => []);
  for (const [source, target, observed] of data.edges) {
    after[source].push([target, observed]);
    before[target].push([source, observed]);
  }
  let current = null;
  let selected = -1;

  // Views: one drawing each, with the part of it that is shown.

  function makeView(element, index) {
    const svg = element.querySelector("svg");
    const [width, height] = ["width", "height"].map((name) => Number(svg.getAttribute(name)));
    const origin = svg.querySelector(".plate").getAttribute("data-at").split(" ").map(Number);
    const boxes = new Map();
    for (const node of element.querySelectorAll(".node")) {
      const rect = node.querySelector("rect");
      const number = (name) => Number(rect.getAttribute(name));
      const box = {
        x: number("x") + origin[0], y: number("y") + origin[1],
        width: number("width"), height: number("height"), node,
      };
      boxes.set(Number(node.dataset.node), box);
      node.setAttribute("role", "button");
      node.setAttribute("tabindex", boxes.size === 1 ? "0" : "-1");
    }
    return { index, element, svg, width, height, boxes, x: 0, y: 0, scale: 0 };
  }

  function show(view) {
    if (view !== current) {
      for (const other of views) other.element.hidden = other !== view;
      current = view;
      const switcher = byId("flows");
      if (switcher) switcher.value = String(view.index);
    }
    if (!view.scale) fit(view, 0.7);
    else draw(view);
  }

  // A transformation in CSS, since another viewBox would have the browser lay out all text again.
  function draw(view) {
    view.svg.style.transform = `scale(${view.scale}) translate(${-view.x}px,${-view.y}px)`;
  }

  // Shows the whole drawing, or its upper part where it would get smaller than `least`.
  function fit(view, least) {
    const { clientWidth: width, clientHeight: height } = view.element;
    const whole = Math.min(width / view.width, height / view.height);
    view.scale = Math.max(0.001, Math.min(1, Math.max(whole, least)));
    const first = view.boxes.values().next().value;
    const middle = whole < least && first ? first.x + first.width / 2 : view.width / 2;
    view.x = width / view.scale >= view.width
      ? (view.width - width / view.scale) / 2
      : Math.min(Math.max(0, middle - width / view.scale / 2), view.width - width / view.scale);
    view.y = height / view.scale >= view.height ? (view.height - height / view.scale) / 2 : 0;
    draw(view);
  }

  // Zooms so that what is at (x, y) of the window stays there.
  function zoom(view, factor, x, y) {
    const frame = view.element.getBoundingClientRect();
    const across = (x ?? frame.left + frame.width / 2) - frame.left;
    const down = (y ?? frame.top + frame.height / 2) - frame.top;
    const smallest = Math.min(0.1, frame.width / view.width / 2, frame.height / view.height / 2);
    const scale = Math.min(8, Math.max(smallest, view.scale * factor));
    view.x += across / view.scale - across / scale;
    view.y += down / view.scale - down / scale;
    view.scale = scale;
    draw(view);
  }

  function pan(view, across, down) {
    view.x -= across / view.scale;
    view.y -= down / view.scale;
    draw(view);
  }

  // Brings a box into the window, if it is not all there in a readable size.
  function reveal(view, box) {
    const { clientWidth, clientHeight } = view.element;
    if (view.scale < 0.5) view.scale = 0.8;
    const width = clientWidth / view.scale;
    const height = clientHeight / view.scale;
    const inside = box.x >= view.x && box.x + box.width <= view.x + width
      && box.y >= view.y && box.y + box.height <= view.y + height;
    if (!inside) {
      view.x = box.x + box.width / 2 - width / 2;
      view.y = box.y + box.height / 2 - height / 2;
    }
    draw(view);
  }

  // Selection and details.

  function select(index, { focus = true } = {}) {
    clear();
    selected = index;
    let view = current;
    if (!view.boxes.has(index)) {
      view = views.find((each) => each.boxes.has(index) && data.views[each.index] === data.nodes[index].flow)
        ?? views.find((each) => each.boxes.has(index));
      show(view);
    }
    for (const each of views.filter((one) => one.boxes.has(index))) {
      each.boxes.get(index).node.classList.add("selected");
      each.svg.classList.add("focused");
      for (const line of each.svg.querySelectorAll(`[data-from="${index}"],[data-to="${index}"]`)) {
        line.classList.add("related");
      }
    }
    const box = view.boxes.get(index);
    reveal(view, box);
    if (focus) focusOn(view, box.node);
    tell(index);
    history.replaceState(null, "", `#${encodeURIComponent(data.nodes[index].id)}`);
  }

  function clear() {
    for (const view of views) {
      view.svg.classList.remove("focused");
      for (const each of view.svg.querySelectorAll(".selected,.related,.kin")) {
        each.classList.remove("selected", "related", "kin");
      }
    }
    selected = -1;
    details.replaceChildren(...help);
    details.classList.remove("told");
  }

  // Marks all steps that lead to a step, or all that it leads to, and the lines between them.
  function markAll(index, next) {
    const found = new Set([index]);
    for (const each of found) {
      for (const [other] of next[each]) found.add(other);
    }
    for (const view of views) {
      view.svg.classList.add("focused");
      for (const each of view.svg.querySelectorAll(".line")) {
        const inside = found.has(Number(each.dataset.from)) && found.has(Number(each.dataset.to));
        each.classList.toggle("related", inside);
      }
      for (const [other, box] of view.boxes) {
        box.node.classList.toggle("kin", other !== index && found.has(other));
      }
    }
    return found.size - 1;
  }

  // One node of a view takes part in the order of tabs, the arrows move between nodes.
  function focusOn(view, node) {
    view.svg.querySelector('.node[tabindex="0"]')?.setAttribute("tabindex", "-1");
    node.setAttribute("tabindex", "0");
    node.focus({ preventScroll: true });
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function tell(index) {
    const node = data.nodes[index];
    const parts = [element("h2", node.name, "code")];
    const facts = element("p", node.kind, node.unknown ? "facts alarm" : "facts");
    parts.push(facts);
    const own = views.find((view) => data.views[view.index] === node.flow);
    if (own && views.length > 1) {
      const flow = element("p", "in ", "facts");
      const open = element("button", node.flow);
      open.addEventListener("click", () => {
        show(own);
        select(index);
      });
      flow.append(open);
      parts.push(flow);
    }
    if (node.where) {
      const place = element("p");
      const link = element("a", node.where, "code");
      link.href = node.href;
      place.append(link);
      parts.push(place);
    }
    if (node.ran) parts.push(element("p", node.ran.join("\n"), "ran"));
    if (node.doc) parts.push(element("div", node.doc, "doc"));
    parts.push(...neighbours("Comes after", before[index]), ...neighbours("Leads to", after[index]));
    parts.push(...relatives(index));
    details.replaceChildren(...parts);
    details.classList.add("told");
    details.scrollTop = 0;
  }

  function relatives(index) {
    const buttons = [["All before it", before], ["All after it", after]].map(([title, next]) => {
      const button = element("button", title);
      button.addEventListener("click", () => {
        button.textContent = `${title}: ${markAll(index, next)}`;
      });
      return button;
    });
    const row = element("p", undefined, "relatives");
    row.append(...buttons);
    return [row];
  }

  function neighbours(title, found) {
    if (!found.length) return [];
    const list = element("ul");
    for (const [index, observed] of found) {
      const button = element("button", data.nodes[index].name, "code");
      button.addEventListener("click", () => select(index));
      const item = element("li");
      item.append(button);
      if (observed) item.append(element("span", observed, "facts observed"));
      list.append(item);
    }
    return [element("h3", title), list];
  }

  // Search.

  const texts = data.nodes.map((node) => [node.name, `${node.flow}\n${node.doc}`].map((each) => each.toLowerCase()));

  function find(query) {
    const wanted = query.trim().toLowerCase();
    if (!wanted) return [];
    const ranked = [];
    texts.forEach(([name, rest], index) => {
      const at = name.indexOf(wanted);
      const rank = name === wanted ? 0 : at === 0 ? 1 : at > 0 ? 2 : rest.includes(wanted) ? 3 : 4;
      if (rank < 4) ranked.push([rank, index]);
    });
    ranked.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    return ranked.slice(0, 50).map(([, index]) => index);
  }

  function list() {
    const found = find(search.value);
    results.replaceChildren();
    found.forEach((index, at) => {
      const item = element("li");
      item.id = `result-${at}`;
      item.dataset.node = String(index);
      item.setAttribute("role", "option");
      item.append(element("span", data.nodes[index].name, "code"));
      item.append(element("small", data.nodes[index].flow));
      results.append(item);
    });
    if (!found.length && search.value.trim()) results.append(element("li", "No step found", "none"));
    results.hidden = !search.value.trim();
    search.setAttribute("aria-expanded", String(!results.hidden));
    mark(found.length ? 0 : -1);
  }

  function mark(at) {
    [...results.children].forEach((item, index) => {
      item.setAttribute("aria-selected", String(index === at));
      if (index === at) item.scrollIntoView({ block: "nearest" });
    });
    if (at >= 0) search.setAttribute("aria-activedescendant", `result-${at}`);
    else search.removeAttribute("aria-activedescendant");
  }

  function close() {
    results.hidden = true;
    search.setAttribute("aria-expanded", "false");
    search.removeAttribute("aria-activedescendant");
  }

  function take(item) {
    if (!item || item.dataset.node === undefined) return;
    close();
    select(Number(item.dataset.node));
  }

  search.addEventListener("input", list);
  search.addEventListener("focus", () => search.value && list());
  search.addEventListener("blur", close);
  search.addEventListener("keydown", (event) => {
    const items = [...results.children].filter((item) => item.dataset.node !== undefined);
    const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (items.length) mark((at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length);
    } else if (event.key === "Enter") take(items[at]);
    else if (event.key === "Escape") {
      search.value = "";
      close();
      current.element.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  results.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    take(event.target.closest("li"));
  });

  // Mouse, touch, wheel.

  const step = 1.25;
  for (const view of views) {
    const pointers = new Map();
    let moved = 0;
    view.element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode ? 16 : 1;
      const speed = event.ctrlKey ? 0.01 : 0.0015;
      zoom(view, Math.exp(-event.deltaY * lines * speed), event.clientX, event.clientY);
    }, { passive: false });
    view.element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      if (!pointers.size) moved = 0;
      pointers.set(event.pointerId, event);
    });
    view.element.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      moved += Math.abs(event.clientX - last.clientX) + Math.abs(event.clientY - last.clientY);
      if (moved > 4 && !view.element.hasPointerCapture(event.pointerId)) {
        view.element.setPointerCapture(event.pointerId);
        view.element.classList.add("dragged");
      }
      const other = [...pointers.values()].find((each) => each.pointerId !== event.pointerId);
      if (other) {
        const gap = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
        pan(view, (event.clientX - last.clientX) / 2, (event.clientY - last.clientY) / 2);
        zoom(
          view, gap(event) / gap(last),
          (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2,
        );
      } else if (moved > 4) pan(view, event.clientX - last.clientX, event.clientY - last.clientY);
      pointers.set(event.pointerId, event);
    });
    const lift = (event) => {
      const known = pointers.delete(event.pointerId);
      if (!pointers.size) view.element.classList.remove("dragged");
      if (!known || event.type === "pointercancel" || moved > 4 || pointers.size) return;
      const node = event.target.closest?.(".node");
      if (node) select(Number(node.dataset.node));
      else clear();
    };
    view.element.addEventListener("pointerup", lift);
    view.element.addEventListener("pointercancel", lift);
  }

  // Keyboard.

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // Returns the nearest node in a direction; what is aside counts as twice as far.
  function nearest(view, from, [across, down]) {
    const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
    const [x, y] = middle(from);
    let best = null;
    let least = Infinity;
    for (const box of view.boxes.values()) {
      const [left, top] = middle(box).map((each, index) => each - [x, y][index]);
      const ahead = left * across + top * down;
      const aside = Math.abs(left * down) + Math.abs(top * across);
      const distance = ahead + 2 * aside;
      if (ahead > 1 && distance < least) [best, least] = [box, distance];
    }
    return best;
  }

  function go(direction) {
    const active = document.activeElement?.closest?.(".node");
    const from = active && current.boxes.get(Number(active.dataset.node));
    const to = from ? nearest(current, from, direction) : current.boxes.values().next().value;
    if (!to) return;
    focusOn(current, to.node);
    reveal(current, to);
  }

  const keys = {
    "/": () => search.focus(),
    "+": () => zoom(current, step),
    "=": () => zoom(current, step),
    "-": () => zoom(current, 1 / step),
    "0": () => fit(current, 0),
    "[": () => show(views[(current.index + views.length - 1) % views.length]),
    "]": () => show(views[(current.index + 1) % views.length]),
    "Escape": clear,
  };

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const field = event.target.closest?.("input,select,button,a,aside");
    if (event.key in arrows && !field) {
      const [across, down] = arrows[event.key];
      if (event.shiftKey) pan(current, -80 * across, -80 * down);
      else go(arrows[event.key]);
    } else if ((event.key === "Enter" || event.key === " ") && event.target.closest?.(".node")) {
      select(Number(event.target.closest(".node").dataset.node));
    } else if (event.key in keys && !event.target.closest?.("input,select")) {
      keys[event.key]();
    } else return;
    event.preventDefault();
  });

  byId("closer").addEventListener("click", keys["+"]);
  byId("farther").addEventListener("click", keys["-"]);
  byId("whole").addEventListener("click", keys["0"]);
  byId("flows")?.addEventListener("change", (event) => show(views[Number(event.target.value)]));
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  addEventListener("resize", () => draw(current));

  function follow() {
    const id = decodeURIComponent(location.hash.slice(1));
    const index = data.nodes.findIndex((node) => node.id === id);
    if (index >= 0) select(index);
  }

  document.documentElement.classList.add("live");
  show(views[0]);
  follow();
  addEventListener("hashchange", follow);
})();
