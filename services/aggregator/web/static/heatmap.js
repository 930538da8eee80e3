// Draws the grid scan of #grid-data on #heatmap: colour = spots, grey = not yet, red with a cross = failed.
"use strict";

class HeatMap {
  constructor(canvas, tip) {
    this.canvas = canvas;
    this.tip = tip;
    this.box = null;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.select(null));
    canvas.addEventListener("blur", () => this.select(null));
    canvas.addEventListener("keydown", (event) => this.steer(event));
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  show(map, crystals) {
    this.map = map;
    this.crystals = crystals;
    this.failed = new Map(map.failed.map((box, i) => [box, map.reasons[i]]));
    this.max = Math.max(1, ...map.counts.filter((count) => count !== null));
    document.getElementById("scale-max").textContent = this.max;
    this.canvas.closest("figure").hidden = false;
    this.canvas.setAttribute("aria-label", this.summary());
    this.draw();
    if (this.box) this.select(this.box);
  }

  summary() {
    const { steps_x, steps_y, counts } = this.map;
    const done = counts.filter((count) => count !== null).length;
    const centres = this.crystals.map((c) => `crystal ${c.number} at box ${c.centre_box.map((v) => v.toFixed(2)).join(", ")}`);
    return [`Heat map of ${steps_x} by ${steps_y} boxes`, `${done} analysed`, `${this.failed.size} failed`,
      `at most ${this.max} spots`, ...centres, "arrow keys move from box to box"].join("; ");
  }

  measure() {
    const { steps_x, steps_y, box_x_um, box_y_um } = this.map;
    const room = this.canvas.parentElement.clientWidth;
    const scale = Math.min((room - 44) / (steps_x * box_x_um), 460 / (steps_y * box_y_um), 40 / Math.min(box_x_um, box_y_um));
    this.left = 40;
    this.top = 4;
    this.w = scale * box_x_um;
    this.h = scale * box_y_um;
    return [room, this.top + steps_y * this.h + 38];
  }

  draw() {
    if (!this.map || this.canvas.parentElement.clientWidth < 60) return;
    const [width, height] = this.measure();
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    const style = getComputedStyle(document.documentElement);
    this.colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.stops = Array.from({ length: 9 }, (_, i) => rgb(this.colour(`map-${i}`)));
    this.pen = this.canvas.getContext("2d");
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.pen.clearRect(0, 0, width, height);
    this.map.counts.forEach((count, box) => this.drawBox(count, box));
    this.drawAxes();
    this.crystals.forEach((crystal) => this.drawCrystal(crystal));
    if (this.box) this.frame(this.box);
  }

  drawBox(count, box) {
    const [x, y] = [box % this.map.steps_x, Math.floor(box / this.map.steps_x)];
    const gap = Math.min(this.w, this.h) > 7 ? 1 : 0;
    const [left, top] = [this.left + x * this.w, this.top + y * this.h];
    const failed = this.failed.has(box);
    this.pen.fillStyle = failed ? this.colour("failed") : count === null ? this.colour("pending") : this.shade(count);
    this.pen.fillRect(left, top, this.w - gap, this.h - gap);
    if (failed) this.cross(left, top, this.w - gap, this.h - gap);
  }

  shade(count) {
    const place = (count / this.max) * (this.stops.length - 1);
    const low = Math.min(Math.floor(place), this.stops.length - 2);
    const mixed = this.stops[low].map((value, i) => Math.round(value + (this.stops[low + 1][i] - value) * (place - low)));
    return `rgb(${mixed.join(" ")})`;
  }

  cross(left, top, width, height) {
    const inset = Math.min(width, height) * 0.25;
    this.pen.strokeStyle = this.colour("failed-cross");
    this.pen.lineWidth = Math.max(1, Math.min(width, height) / 10);
    this.line(left + inset, top + inset, left + width - inset, top + height - inset);
    this.line(left + width - inset, top + inset, left + inset, top + height - inset);
  }

  line(x1, y1, x2, y2) {
    this.pen.beginPath();
    this.pen.moveTo(x1, y1);
    this.pen.lineTo(x2, y2);
    this.pen.stroke();
  }

  drawAxes() {
    const { steps_x, steps_y, box_x_um, box_y_um } = this.map;
    const bottom = this.top + steps_y * this.h;
    this.pen.fillStyle = this.colour("soft");
    this.pen.font = "12px system-ui, sans-serif";
    this.pen.textAlign = "center";
    for (let x = 0; x < steps_x; x += every(steps_x, this.w)) this.pen.fillText(x, this.left + (x + 0.5) * this.w, bottom + 14);
    this.pen.textAlign = "left";
    this.pen.fillText(`x [boxes of ${box_x_um} µm] →     y [boxes of ${box_y_um} µm] ↓`, this.left, bottom + 31);
    this.pen.textAlign = "right";
    for (let y = 0; y < steps_y; y += every(steps_y, this.h)) this.pen.fillText(y, this.left - 6, this.top + (y + 0.5) * this.h + 4);
  }

  drawCrystal({ number, centre_box: [x, y] }) {
    const [cx, cy] = [this.left + x * this.w, this.top + y * this.h];
    for (const [colour, width] of [["#000", 5], ["#fff", 2]]) {
      this.pen.strokeStyle = colour;
      this.pen.lineWidth = width;
      this.pen.beginPath();
      this.pen.arc(cx, cy, 9, 0, 2 * Math.PI);
      this.pen.stroke();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) this.line(cx + 4 * dx, cy + 4 * dy, cx + 14 * dx, cy + 14 * dy);
    }
    this.pen.font = "bold 14px system-ui, sans-serif";
    this.pen.textAlign = "left";
    this.pen.lineWidth = 4;
    this.pen.strokeStyle = "#000";
    this.pen.strokeText(number, cx + 13, cy - 9);
    this.pen.fillStyle = "#fff";
    this.pen.fillText(number, cx + 13, cy - 9);
  }

  point(event) {
    if (!this.map) return;
    const edge = this.canvas.getBoundingClientRect();
    const x = Math.floor((event.clientX - edge.left - this.left) / this.w);
    const y = Math.floor((event.clientY - edge.top - this.top) / this.h);
    const inside = x >= 0 && y >= 0 && x < this.map.steps_x && y < this.map.steps_y;
    this.select(inside ? [x, y] : null);
  }

  steer(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || !this.map) return;
    event.preventDefault();
    const [x, y] = this.box || [0, 0];
    this.select([clamp(x + step[0], this.map.steps_x), clamp(y + step[1], this.map.steps_y)]);
  }

  select(box) {
    if (!box && !this.box) return;
    this.box = box;
    this.draw();
    this.tip.hidden = !box;
    if (!box) return;
    this.tip.textContent = this.describe(box);
    const left = this.left + (box[0] + 1) * this.w + 8;
    const room = this.canvas.parentElement.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(left, room))}px`;
    this.tip.style.top = `${this.top + (box[1] + 1) * this.h + 6}px`;
  }

  describe([x, y]) {
    const map = this.map;
    const box = y * map.steps_x + x;
    const place = `box ${x}, ${y} · image ${map.images[box]}`;
    if (this.failed.has(box)) return `${place}\nfailed: ${this.failed.get(box)}`;
    if (map.counts[box] === null) return `${place}\nnot yet`;
    const limit = map.d_min_A[box] === null ? "" : ` · to ${map.d_min_A[box].toFixed(2)} Å`;
    return `${place}\n${map.counts[box]} spots, ${map.counts_no_ice[box]} without ice${limit}`;
  }

  frame([x, y]) {
    for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
      this.pen.strokeStyle = colour;
      this.pen.lineWidth = width;
      this.pen.strokeRect(this.left + x * this.w, this.top + y * this.h, this.w, this.h);
    }
  }
}

function every(steps, size) {
  return [1, 2, 5, 10, 20, 50, 100].find((n) => n * size >= 26 || n >= steps) || 100;
}

function clamp(value, steps) {
  return Math.max(0, Math.min(steps - 1, value));
}

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
