// The page around the drawings: pan, zoom, search, details, keyboard. Names and docstrings come from
// users' code, so they are only ever set as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
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
    const { isWhole, isOverview } = element.dataset;
    return {
      index, element, svg, width, height, boxes, x: 0, y: 0, scale: 0, fitted: 0.7,
      isWhole: isWhole !== undefined, isOverview: isOverview !== undefined,
    };
  }

  function show(view) {
    if (view !== current) {
      const hadFocus = current?.element.contains(document.activeElement);
      for (const other of views) other.element.hidden = other !== view;
      current = view;
      const switcher = byId("flows");
      if (switcher) switcher.value = String(view.index);
      byId("close").hidden = !isOpened(view);
      drawMinimap(view);
      if (hadFocus) view.element.focus({ preventScroll: true });
    }
    place(view);
  }

  // Draws a view again, which fits its window as long as nobody moves or zooms it.
  function place(view) {
    if (view.fitted === null) draw(view);
    else fit(view, view.fitted);
  }

  // A transformation in CSS, since another viewBox would have the browser lay out all text again.
  function draw(view) {
    view.svg.style.transform = `scale(${view.scale}) translate(${-view.x}px,${-view.y}px)`;
    if (view === current) frameMinimap(view);
  }

  // Flows: one box each in the overview, and a view of its own for what is in one.

  function viewOf(flow) {
    return views.find((view) => !view.isWhole && data.views[view.index] === flow);
  }

  function isOpened(view) {
    return views.length > 1 && !view.isWhole;
  }

  function open(index) {
    const view = viewOf(data.nodes[index].flow);
    if (!view) return;
    clear();
    show(view);
    focusOn(view, view.boxes.values().next().value.node);
  }

  function close() {
    const flow = data.views[current.index];
    show(views.find((view) => view.isOverview));
    select(data.nodes.findIndex((node) => node.isFlow && node.flow === flow));
  }

  // The minimap: all boxes of a drawing that is larger than the window, and what is shown of it.

  const minimap = byId("minimap");

  function drawMinimap(view) {
    const names = "http://www.w3.org/2000/svg";
    const map = document.createElementNS(names, "svg");
    map.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
    const add = (box, name) => {
      const rect = document.createElementNS(names, "rect");
      for (const key of ["x", "y", "width", "height"]) rect.setAttribute(key, box[key]);
      rect.setAttribute("class", name);
      map.append(rect);
    };
    for (const box of view.boxes.values()) add(box, "place");
    add({ x: 0, y: 0, width: 0, height: 0 }, "window");
    const scale = Math.min(180 / view.width, 140 / view.height);
    map.setAttribute("width", view.width * scale);
    map.setAttribute("height", view.height * scale);
    minimap.replaceChildren(map);
    frameMinimap(view);
  }

  function frameMinimap(view) {
    const frame = minimap.querySelector(".window");
    if (!frame || !view.scale) return;
    const width = view.element.clientWidth / view.scale;
    const height = view.element.clientHeight / view.scale;
    minimap.hidden = width >= view.width && height >= view.height;
    for (const [key, value] of Object.entries({ x: view.x, y: view.y, width, height })) {
      frame.setAttribute(key, value);
    }
  }

  function goTo(event) {
    if (!event.buttons) return;
    const area = minimap.firstElementChild.getBoundingClientRect();
    current.fitted = null;
    const scale = current.width / area.width;
    current.x = (event.clientX - area.left) * scale - current.element.clientWidth / current.scale / 2;
    current.y = (event.clientY - area.top) * scale - current.element.clientHeight / current.scale / 2;
    draw(current);
    event.preventDefault();
  }
  minimap.addEventListener("pointerdown", goTo);
  minimap.addEventListener("pointermove", goTo);

  // Shows the whole drawing, or its upper part where it would get smaller than `least`.
  function fit(view, least) {
    const { clientWidth: width, clientHeight: height } = view.element;
    view.fitted = least;
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
    view.fitted = null;
    draw(view);
  }

  function pan(view, across, down) {
    view.fitted = null;
    view.x -= across / view.scale;
    view.y -= down / view.scale;
    draw(view);
  }

  // Brings a box into the window, if it is not all there in a readable size.
  function reveal(view, box) {
    const { clientWidth, clientHeight } = view.element;
    if (view.scale < 0.5) {
      view.scale = 0.8;
      view.fitted = null;
    }
    const width = clientWidth / view.scale;
    const height = clientHeight / view.scale;
    const inside = box.x >= view.x && box.x + box.width <= view.x + width
      && box.y >= view.y && box.y + box.height <= view.y + height;
    if (!inside) {
      view.fitted = null;
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
      const own = viewOf(data.nodes[index].flow);
      view = own?.boxes.has(index) ? own : views.find((each) => each.boxes.has(index));
      show(view);
    }
    for (const each of views.filter((one) => one.boxes.has(index))) {
      each.boxes.get(index).node.classList.add("selected");
      each.svg.classList.add("focused");
      for (const line of each.svg.querySelectorAll(`[data-from="${index}"],[data-to="${index}"]`)) {
        line.classList.add("related");
      }
      markQueues(each.svg);
    }
    const box = view.boxes.get(index);
    tell(index);  // first: on a narrow screen the details take room from the drawing
    reveal(view, box);
    if (focus) focusOn(view, box.node);
    history.replaceState(null, "", `#${encodeURIComponent(data.nodes[index].id)}`);
  }

  // The sign of a queue belongs to all lines that end there together.
  function markQueues(svg) {
    for (const sign of svg.querySelectorAll(".queue[data-to]")) {
      const line = svg.querySelector(`.line.related[data-to="${sign.dataset.to}"]`);
      sign.classList.toggle("related", line !== null);
    }
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

  // Clears the selection, also in the address: the page opens without it.
  function deselect() {
    clear();
    history.replaceState(null, "", location.href.split("#")[0]);
    place(current);
  }

  // Marks all steps that lead to a step, or all that it leads to, and the lines between them.
  function markAll(index, next) {
    const found = new Set([index]);
    for (const each of found) {
      for (const [other] of next[each]) found.add(other);
    }
    for (const view of views) {
      view.svg.classList.add("focused");
      for (const each of view.svg.querySelectorAll("[data-from]")) {
        const inside = found.has(Number(each.dataset.from)) && found.has(Number(each.dataset.to));
        each.classList.toggle("related", inside);
      }
      markQueues(view.svg);
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

  function tell(index) {
    const node = data.nodes[index];
    const parts = [element("h2", "code", node.name)];
    const facts = element("p", node.unknown ? "facts alarm" : "facts", node.kind);
    parts.push(facts);
    const own = viewOf(node.flow);
    if (node.isFlow) {
      const button = element("button", "", "Open the flow");
      button.addEventListener("click", () => open(index));
      parts.push(button);
    } else if (own && views.length > 1) {
      const flow = element("p", "facts", "in ");
      const shown = element("button", "", node.flow);
      shown.addEventListener("click", () => {
        show(own);
        select(index);
      });
      flow.append(shown);
      parts.push(flow);
    }
    if (node.where) {
      const place = element("p");
      const link = element("a", "code", node.where);
      link.href = node.href;
      place.append(link);
      parts.push(place);
    }
    for (const [end, what] of data.crash ?? []) {
      if (end === index) parts.push(element("p", "alarm", what));
    }
    if (node.ran) parts.push(element("p", "ran", node.ran.join("\n")));
    if (node.doc) parts.push(element("div", "doc", node.doc));
    parts.push(...neighbours("Comes after", before[index]), ...neighbours("Leads to", after[index]));
    parts.push(...relatives(index));
    details.replaceChildren(...parts);
    details.classList.add("told");
    details.scrollTop = 0;
  }

  function relatives(index) {
    const buttons = [["All before it", before], ["All after it", after]].map(([title, next]) => {
      const button = element("button", "", title);
      button.addEventListener("click", () => {
        button.textContent = `${title}: ${markAll(index, next)}`;
      });
      return button;
    });
    const row = element("p", "relatives");
    const cleared = element("button", "", "Clear the selection");
    cleared.addEventListener("click", () => {
      deselect();
      current.element.focus({ preventScroll: true });
    });
    row.append(...buttons, cleared);
    return [row];
  }

  function neighbours(title, found) {
    if (!found.length) return [];
    const list = element("ul");
    for (const [index, observed] of found) {
      const button = element("button", "code", data.nodes[index].name);
      button.addEventListener("click", () => select(index));
      const item = element("li");
      item.append(button);
      if (observed) item.append(element("span", "facts observed", observed));
      list.append(item);
    }
    return [element("h3", "", title), list];
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
      item.append(element("span", "code", data.nodes[index].name));
      item.append(element("small", "", data.nodes[index].flow));
      results.append(item);
    });
    if (!found.length && search.value.trim()) results.append(element("li", "none", "No step found"));
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

  function closeResults() {
    results.hidden = true;
    search.setAttribute("aria-expanded", "false");
    search.removeAttribute("aria-activedescendant");
  }

  function take(item) {
    if (!item || item.dataset.node === undefined) return;
    closeResults();
    select(Number(item.dataset.node));
  }

  search.addEventListener("input", list);
  search.addEventListener("focus", () => search.value && list());
  search.addEventListener("blur", closeResults);
  search.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const items = [...results.children].filter((item) => item.dataset.node !== undefined);
    const at = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (items.length) mark((at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length);
    } else if (event.key === "Enter") take(items[at]);
    else if (event.key === "Escape") {
      search.value = "";
      closeResults();
      current.element.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  results.addEventListener("mousedown", (event) => event.preventDefault());  // keeps the list open
  results.addEventListener("click", (event) => take(event.target.closest("li")));

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
      if (!event.buttons) {  // it was released outside of the window
        pointers.clear();
        view.element.classList.remove("dragged");
        return;
      }
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
      else deselect();
    };
    view.element.addEventListener("pointerup", lift);
    view.element.addEventListener("pointercancel", lift);
    view.element.addEventListener("dblclick", (event) => {
      const node = event.target.closest?.(".node");
      if (node && data.nodes[Number(node.dataset.node)].isFlow) open(Number(node.dataset.node));
    });
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
    "Escape": () => {
      if (selected < 0 && isOpened(current)) close();
      else deselect();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const field = event.target.closest?.("input,select,button,a,aside");
    if (event.key in arrows && !field) {
      const [across, down] = arrows[event.key];
      if (event.shiftKey) pan(current, -80 * across, -80 * down);
      else go(arrows[event.key]);
    } else if ((event.key === "Enter" || event.key === " ") && event.target.closest?.(".node")) {
      const index = Number(event.target.closest(".node").dataset.node);
      if (data.nodes[index].isFlow && index === selected) open(index);
      else select(index);
    } else if (event.key in keys && !event.target.closest?.("input,select")) {
      keys[event.key]();
    } else return;
    event.preventDefault();
  });

  byId("closer").addEventListener("click", keys["+"]);
  byId("farther").addEventListener("click", keys["-"]);
  byId("close").addEventListener("click", close);
  byId("whole").addEventListener("click", keys["0"]);
  byId("flows")?.addEventListener("change", (event) => show(views[Number(event.target.value)]));
  addEventListener("resize", () => {
    place(current);
    if (current.boxes.has(selected)) reveal(current, current.boxes.get(selected));
  });

  function idIn(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;  // somebody wrote it by hand
    }
  }

  function follow() {
    const id = idIn(location.hash.slice(1));
    const index = data.nodes.findIndex((node) => node.id === id);
    if (index >= 0) select(index);
    else if (data.crash && !id) {
      const [[end]] = data.crash;
      reveal(current, current.boxes.get(end));
      tell(end);
    }
  }

  document.documentElement.classList.add("live");
  show(views[0]);
  follow();
  addEventListener("hashchange", follow);
})();
