// The strip on top: one lane for each process and operation, a tick for each crumb, a bar for each
// frame, an arrow for each message. It shows a part of the time of the crumbs that are in the list,
// or all of it; the selected crumb is always within.

const LANES = 6; // further ones share the last lane
const LANE = 22; // pixels
const AXIS = 20;
const DRAG = 4; // pixels that a click may move
const CLOSEST = 200; // microseconds that are shown at least

// What may be between two marks of the axis: 1, 2, 5 and so on, then as clocks are divided.
const STEPS = [];
for (let power = 1; power < 1e8; power *= 10) STEPS.push(power, 2 * power, 5 * power);
for (const minutes of [1, 2, 5, 10, 20, 30]) STEPS.push(minutes * 6e7);
for (const hours of [1, 2, 6, 12]) STEPS.push(hours * 3.6e9);
for (let days = 1; days < 1e5; days *= 2) STEPS.push(days * 8.64e10);

class Timeline {
  constructor(box, onPick) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.hint = box.querySelector("#hint");
    this.shown = crumbs;
    this.span = times;
    this.selected = null;
    this.showAll();
    const timed = crumbs.filter((crumb) => !Number.isNaN(crumb.time));
    box.hidden = timed.length < 2;
    const lanes = new Map();
    for (const crumb of timed) lanes.set(crumb.lane, crumb);
    const names = [...lanes].sort(([, a], [, b]) => b.isOfFocus - a.isOfFocus
      || (a.isOfFocus ? 0 : b.index - a.index)); // as they began; the others the latest first
    const laneName = (crumb) => {
      const parts = [several && processName(crumb.process)];
      if (correlation(crumb.raw)) parts.push(crumb.frame, visible(correlation(crumb.raw)).slice(0, 4));
      else parts.push(visible(crumb.raw.thread ?? ""));
      return parts.filter(Boolean).join(" ");
    };
    this.lanes = names.slice(0, names.length > LANES ? LANES - 1 : LANES).map(([, crumb]) => laneName(crumb));
    if (names.length > LANES) this.lanes.push(`${names.length - LANES + 1} more`);
    this.laneOf = new Map(names.map(([key], n) => [key, Math.min(n, this.lanes.length - 1)]));
    this.height = this.lanes.length * LANE + AXIS;
    this.canvas.style.height = `${this.height}px`; // the list has its room before the first drawing
    this.dragged = null; // from where to where, in pixels
    this.canvas.addEventListener("pointerdown", (event) => {
      this.dragged = [event.offsetX, event.offsetX];
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const [left, right] = (this.dragged ?? [0, 0]).sort((a, b) => a - b);
      this.dragged = null;
      const crumb = this.nearest(event);
      if (right - left > DRAG) this.showPart(this.time(left), this.time(right));
      else if (crumb) onPick(crumb);
      this.drawSoon();
    });
    this.canvas.addEventListener("pointercancel", () => {
      this.dragged = null;
      this.drawSoon();
    });
    this.canvas.addEventListener("dblclick", () => this.showAll());
    this.canvas.addEventListener("pointermove", (event) => this.explain(event));
    this.canvas.addEventListener("pointerleave", () => { this.hint.hidden = true; });
    new ResizeObserver(() => this.drawSoon()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawSoon());
    addEventListener("themechange", () => this.drawSoon());
  }

  drawSoon() {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.draw());
  }

  // Show the crumbs of the list. Another choice of them has a scale of its own.
  show(shown, selected) {
    if (this.shown !== shown) {
      this.shown = shown;
      const span = spanOf(shown);
      this.span = span.first <= span.last ? span : times;
      this.showAll();
    }
    this.selected = selected;
    const time = selected?.time;
    if (time < this.first || time > this.last) {
      const half = (this.last - this.first) / 2;
      this.showPart(time - half, time + half);
    }
    this.drawSoon();
  }

  showAll() {
    this.showPart(this.span.first, this.span.last);
  }

  // Show the time between two moments, as far as something was recorded then.
  showPart(first, last) {
    const span = Math.min(Math.max(last - first, CLOSEST), Math.max(this.span.last - this.span.first, 1));
    this.first = Math.min(Math.max(first, this.span.first), this.span.last - span);
    this.last = this.first + span;
    this.drawSoon();
  }

  // Show `factor` times as much around the selected crumb, which stays where it is.
  zoom(factor) {
    const time = this.selected?.time;
    const around = time >= this.first && time <= this.last ? time : (this.first + this.last) / 2;
    this.showPart(around - (around - this.first) * factor, around + (this.last - around) * factor);
  }

  x(time) {
    const span = Math.max(this.last - this.first, 1);
    return this.left + ((time - this.first) / span) * (this.right - this.left);
  }

  time(x) {
    return this.first + ((x - this.left) / (this.right - this.left)) * (this.last - this.first);
  }

  draw() {
    const width = this.box.clientWidth;
    if (!width || this.box.hidden) return;
    const { height } = this;
    const scale = devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.left = Math.min(190, width * 0.3);
    this.right = width - 12;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(this.box);
    const colours = new Map();
    this.colour = (name) => {
      if (!colours.has(name)) colours.set(name, style.getPropertyValue(name).trim());
      return colours.get(name);
    };
    pen.font = `12px ${style.fontFamily}`;
    pen.textBaseline = "middle";
    this.drawLanes(pen, width);
    pen.save();
    pen.beginPath();
    pen.rect(this.left - 5, 0, this.right - this.left + 10, height - AXIS);
    pen.clip();
    this.drawFrames(pen);
    this.drawTicks(pen);
    this.drawMessages(pen);
    if (this.dragged) {
      const [from, to] = this.dragged;
      pen.globalAlpha = 0.15;
      pen.fillStyle = this.colour("--entry");
      pen.fillRect(Math.min(from, to), 0, Math.abs(to - from), height);
    }
    pen.restore();
    this.drawAxis(pen, height);
  }

  drawLanes(pen, width) {
    this.lanes.forEach((name, lane) => {
      const middle = lane * LANE + LANE / 2;
      pen.fillStyle = this.colour("--group_border");
      pen.fillRect(this.left, middle + 0.5, width - this.left, 0.5);
      pen.fillStyle = this.colour("--prose");
      let shown = name || "(no thread)";
      for (let most = shown.length; most > 4 && pen.measureText(shown).width > this.left - 14; most -= 1) {
        shown = elided(name, most);
      }
      pen.fillText(shown, 0, middle);
    });
  }

  drawFrames(pen) {
    const spans = new Map();
    for (const crumb of this.shown) {
      if (!crumb.frame || Number.isNaN(crumb.time)) continue;
      const key = `${crumb.lane} ${crumb.frame}`;
      const span = spans.get(key);
      if (span) span.last = crumb.time;
      else spans.set(key, { crumb, last: crumb.time });
    }
    for (const { crumb, last } of spans.values()) {
      const start = this.x(crumb.time) - 3;
      const length = Math.max(this.x(last) + 3 - start, 6);
      const top = this.laneOf.get(crumb.lane) * LANE + 3;
      pen.fillStyle = this.colour(crumb.isOfFocus ? "--alarm_soft" : "--bar");
      pen.beginPath();
      pen.roundRect(start, top, length, LANE - 6, 3);
      pen.fill();
    }
  }

  drawTicks(pen) {
    const drawn = new Set(); // many crumbs share a pixel
    const tick = (crumb, colour, width) => {
      const x = Math.round(this.x(crumb.time)) - width / 2;
      const lane = this.laneOf.get(crumb.lane);
      const spot = `${colour} ${lane} ${x}`;
      if (drawn.has(spot)) return;
      drawn.add(spot);
      pen.fillStyle = this.colour(colour);
      pen.fillRect(x, lane * LANE + 5, width, LANE - 10);
    };
    const timed = this.shown.filter((crumb) => !Number.isNaN(crumb.time));
    for (const crumb of timed) if (!crumb.isOfFocus) tick(crumb, "--tick", 1);
    for (const crumb of timed) if (crumb.isOfFocus) tick(crumb, "--alarm", 1);
    if (failing && !Number.isNaN(failing.time)) tick(failing, "--alarm", 3);
    if (this.selected && !Number.isNaN(this.selected.time)) {
      const x = Math.round(this.x(this.selected.time));
      pen.fillStyle = this.colour("--entry");
      pen.fillRect(x - 0.5, 0, 1, this.lanes.length * LANE);
      pen.beginPath();
      pen.arc(x, this.laneOf.get(this.selected.lane) * LANE + LANE / 2, 4, 0, 7);
      pen.fill();
    }
  }

  // From the last crumb before a message to the first one after it.
  drawMessages(pen) {
    const shown = new Set(this.shown);
    pen.strokeStyle = pen.fillStyle = this.colour("--entry");
    for (const [from, to] of recording.joins) {
      const [sent, received] = [crumbs[from], crumbs[to]];
      if (!shown.has(sent) || !shown.has(received)) continue;
      const [x, y] = [this.x(sent.time), this.laneOf.get(sent.lane) * LANE + LANE / 2];
      const [endX, endY] = [this.x(received.time), this.laneOf.get(received.lane) * LANE + LANE / 2];
      const down = Math.sign(endY - y) * 6;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.bezierCurveTo(x, (y + endY) / 2, endX, (y + endY) / 2, endX, endY - down);
      pen.stroke();
      pen.beginPath();
      pen.moveTo(endX, endY);
      pen.lineTo(endX - 4, endY - down);
      pen.lineTo(endX + 4, endY - down);
      pen.fill();
    }
  }

  drawAxis(pen, height) {
    const middle = height - AXIS / 2 + 2;
    pen.fillStyle = this.colour("--prose");
    const part = (this.span.last - this.span.first) / (this.last - this.first);
    if (part > 1.01) pen.fillText(`× ${part < 10 ? part.toFixed(1) : Math.round(part)}`, 0, middle);
    const room = (100 / (this.right - this.left)) * (this.last - this.first);
    const step = STEPS.find((each) => each >= room) ?? STEPS.at(-1);
    pen.textAlign = "center";
    for (let n = Math.ceil((this.first - origin) / step); n * step <= this.last - origin; n += 1) {
      const x = this.x(origin + n * step);
      const text = distance(n * step, step);
      const half = pen.measureText(text).width / 2;
      pen.fillRect(x - 0.5, height - AXIS, 1, 3);
      pen.fillText(text, Math.min(x, this.right + 12 - half), middle);
    }
    pen.textAlign = "left";
  }

  nearest(event) {
    const lane = Math.floor(event.offsetY / LANE);
    let best = null;
    let nearest = 8; // pixels
    for (const crumb of this.shown) {
      if (crumb.time < this.first || crumb.time > this.last) continue;
      const away = Math.abs(this.x(crumb.time) - event.offsetX);
      if (this.laneOf.get(crumb.lane) === lane && away < nearest) {
        best = crumb;
        nearest = away;
      }
    }
    return best;
  }

  explain(event) {
    if (this.dragged) {
      this.dragged[1] = event.offsetX;
      this.drawSoon();
    }
    const crumb = this.nearest(event);
    this.hint.hidden = !crumb;
    this.canvas.style.cursor = crumb ? "pointer" : "";
    if (!crumb) return;
    this.hint.textContent = [relative(crumb.time), crumb.event, crumb.frame].filter(Boolean).join("  ·  ");
    const room = this.box.clientWidth - this.hint.offsetWidth - 8;
    this.hint.style.left = `${Math.max(0, Math.min(event.offsetX + 12, room))}px`;
    this.hint.style.top = `${event.offsetY + 18}px`;
  }
}
