// The strip on top: one lane a thread, a tick for each crumb, a bar for each frame.

const LANES = 6; // further threads share the last lane
const LANE = 22; // pixels
const AXIS = 20;

class Timeline {
  constructor(box, onPick) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.hint = box.querySelector("#hint");
    this.shown = crumbs;
    this.selected = null;
    const timed = crumbs.filter((crumb) => !Number.isNaN(crumb.time));
    box.hidden = timed.length < 2;
    const threads = [...new Set(timed.map((crumb) => crumb.thread))];
    threads.sort((a, b) => (b === focus?.thread) - (a === focus?.thread));
    this.lanes = threads.length > LANES
      ? [...threads.slice(0, LANES - 1), `${threads.length - LANES + 1} more threads`]
      : threads;
    this.laneOf = new Map(threads.map((thread, n) => [thread, Math.min(n, this.lanes.length - 1)]));
    this.canvas.addEventListener("click", (event) => {
      const crumb = this.nearest(event);
      if (crumb) onPick(crumb);
    });
    this.canvas.addEventListener("mousemove", (event) => this.explain(event));
    this.canvas.addEventListener("mouseleave", () => { this.hint.hidden = true; });
    new ResizeObserver(() => this.drawSoon()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawSoon());
  }

  drawSoon() {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.draw());
  }

  show(shown, selected) {
    this.shown = shown;
    this.selected = selected;
    this.drawSoon();
  }

  x(time) {
    const span = Math.max(times.last - times.first, 1);
    return this.left + ((time - times.first) / span) * (this.right - this.left);
  }

  draw() {
    const width = this.box.clientWidth;
    if (!width || this.box.hidden) return;
    const height = this.lanes.length * LANE + AXIS;
    const scale = devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.canvas.style.height = `${height}px`;
    this.left = Math.min(150, width * 0.25);
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
    this.drawFrames(pen);
    this.drawTicks(pen);
    this.drawAxis(pen, height);
  }

  drawLanes(pen, width) {
    this.lanes.forEach((name, lane) => {
      const middle = lane * LANE + LANE / 2;
      pen.fillStyle = this.colour("--line");
      pen.fillRect(this.left, middle + 0.5, width - this.left, 0.5);
      pen.fillStyle = this.colour("--quiet");
      pen.save();
      pen.beginPath();
      pen.rect(0, lane * LANE, this.left - 12, LANE);
      pen.clip();
      pen.fillText(name || "(no thread)", 0, middle);
      pen.restore();
    });
  }

  drawFrames(pen) {
    const spans = new Map();
    for (const crumb of this.shown) {
      if (!crumb.frame || Number.isNaN(crumb.time)) continue;
      const span = spans.get(crumb.key);
      if (span) span.last = crumb.time;
      else spans.set(crumb.key, { crumb, last: crumb.time });
    }
    for (const { crumb, last } of spans.values()) {
      const start = this.x(crumb.time) - 3;
      const length = Math.max(this.x(last) + 3 - start, 6);
      const top = this.laneOf.get(crumb.thread) * LANE + 3;
      pen.fillStyle = this.colour(crumb.isOfFocus ? "--failing-soft" : "--frame");
      pen.beginPath();
      pen.roundRect(start, top, length, LANE - 6, 3);
      pen.fill();
    }
  }

  drawTicks(pen) {
    const drawn = new Set(); // many crumbs share a pixel
    const tick = (crumb, colour, width) => {
      const x = Math.round(this.x(crumb.time)) - width / 2;
      const lane = this.laneOf.get(crumb.thread);
      const spot = `${colour} ${lane} ${x}`;
      if (drawn.has(spot)) return;
      drawn.add(spot);
      pen.fillStyle = this.colour(colour);
      pen.fillRect(x, lane * LANE + 5, width, LANE - 10);
    };
    const timed = this.shown.filter((crumb) => !Number.isNaN(crumb.time));
    for (const crumb of timed) if (!crumb.isOfFocus) tick(crumb, "--tick", 1);
    for (const crumb of timed) if (crumb.isOfFocus) tick(crumb, "--failing", 1);
    if (failing && !Number.isNaN(failing.time)) tick(failing, "--failing", 3);
    if (this.selected && !Number.isNaN(this.selected.time)) {
      const x = Math.round(this.x(this.selected.time));
      pen.fillStyle = this.colour("--accent");
      pen.fillRect(x - 0.5, 0, 1, this.lanes.length * LANE);
      pen.beginPath();
      pen.arc(x, this.laneOf.get(this.selected.thread) * LANE + LANE / 2, 4, 0, 7);
      pen.fill();
    }
  }

  drawAxis(pen, height) {
    pen.fillStyle = this.colour("--quiet");
    const steps = Math.max(1, Math.floor((this.right - this.left) / 160));
    for (let step = 0; step <= steps; step += 1) {
      const time = times.first + ((times.last - times.first) * step) / steps;
      pen.textAlign = step === 0 ? "left" : step === steps ? "right" : "center";
      pen.fillText(relative(Math.round(time)), this.x(time), height - AXIS / 2 + 2);
    }
    pen.textAlign = "left";
  }

  nearest(event) {
    const lane = Math.floor(event.offsetY / LANE);
    let best = null;
    let distance = 8; // pixels
    for (const crumb of this.shown) {
      const away = Math.abs(this.x(crumb.time) - event.offsetX);
      if (this.laneOf.get(crumb.thread) === lane && away < distance) {
        best = crumb;
        distance = away;
      }
    }
    return best;
  }

  explain(event) {
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
