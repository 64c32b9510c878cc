// 68 points over a picture: shown, dragged, moved by keys, or a box drawn where they should be read.
const NS = "http://www.w3.org/2000/svg";
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
const GROUPS = [["jaw", 0, 17], ["left brow", 17, 22], ["right brow", 22, 27], ["nose", 27, 36], ["left eye", 36, 42],
  ["right eye", 42, 48], ["mouth", 48, 68]].map(([name, from, to]) => ({ name, ids: range(from, to) }));
const LINES = [[0, 17], [17, 22], [22, 27], [27, 31], [31, 36], [36, 42, 1], [42, 48, 1], [48, 60, 1], [60, 68, 1]];
const NEAR = 26;  // pixels of the screen within which a point is caught
export const groupOf = (id) => GROUPS.find((group) => group.ids.includes(id));

function make(kind, attributes, parent) {
  const node = document.createElementNS(NS, kind);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

// How sure a point is: green, yellow, red, as everywhere in this project.
function colour(doubt) {
  const channel = (value) => Math.round(Math.min(Math.max(value, 0), 1) * 255);
  return `rgb(${channel(2 * doubt)}, ${Math.round(channel(2 - 2 * doubt) * 0.86)}, 60)`;
}

export class Overlay {
  constructor(svg) {
    this.svg = svg;
    svg.replaceChildren();
    this.image = make("image", { x: 0, y: 0 }, svg);
    this.parts = make("image", { x: 0, y: 0, class: "parts", preserveAspectRatio: "none" }, svg);
    this.lines = make("path", { class: "lines" }, svg);
    this.dots = make("g", { class: "dots" }, svg);
    this.points = [];
    this.marked = [];
  }

  // size: width and height of the picture, the points' pixels.
  show({ view, parts, size, points, doubt }) {
    const [width, height] = size;
    for (const [node, href] of [[this.image, view], [this.parts, parts]]) {
      if (node.getAttribute("href") !== href) node.setAttribute("href", href);
      node.setAttribute("width", width);
      node.setAttribute("height", height);
    }
    this.size = size;
    this.doubt = doubt;
    this.points = points.map((point) => [...point]);
    this.draw();
  }

  frame(close) {
    let [x, y, width, height] = [0, 0, ...this.size];
    if (close && this.points.length) {
      const xs = this.points.map((p) => p[0]), ys = this.points.map((p) => p[1]);
      const wide = Math.max(...xs) - Math.min(...xs), tall = Math.max(...ys) - Math.min(...ys);
      [x, y, width, height] = [Math.min(...xs) - 0.22 * wide, Math.min(...ys) - 0.3 * tall, 1.44 * wide, 1.5 * tall];
    }
    this.svg.setAttribute("viewBox", [x, y, width, height].join(" "));
  }

  draw() {
    const at = (id) => this.points[id].map((value) => value.toFixed(2)).join(" ");
    this.lines.setAttribute("d", !this.points.length ? "" : LINES.map(([from, to, closed]) =>
      "M" + range(from, to).map(at).join("L") + (closed ? "Z" : "")).join(""));
    while (this.dots.childElementCount > this.points.length) this.dots.lastChild.remove();
    this.points.forEach((_, id) => {
      const dot = this.dots.children[id] || make("path", {}, this.dots);
      dot.setAttribute("d", `M${at(id)}h0`);
      dot.style.stroke = colour(this.doubt[id] || 0);
      dot.classList.toggle("marked", this.marked.includes(id));
    });
  }
}

// An overlay whose points move. Calls changed(points) after a drag or a key, boxed([left, top, right, bottom]) when a
// box is drawn, said(text) with what a screen reader should tell.
export class Editor extends Overlay {
  constructor(svg, { changed, boxed, said }) {
    super(svg);
    Object.assign(this, { changed, boxed, said, mode: "one", chosen: 30, drag: null, box: null, past: [] });
    this.rim = make("path", { class: "box" }, svg);
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", () => this.up());
    svg.addEventListener("pointercancel", () => this.up());
    svg.addEventListener("keydown", (event) => this.key(event));
  }

  place(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  moving() {
    if (this.mode === "all") return range(0, 68);
    return this.mode === "group" ? groupOf(this.chosen).ids : [this.chosen];
  }

  setMode(mode) {
    this.mode = mode;
    this.box = mode === "box" ? this.box || this.middle() : null;
    this.mark();
  }

  middle() {  // a box to begin with: about the points, or in the middle of the picture
    const [width, height] = this.size;
    if (!this.points.length) return [0.3 * width, 0.25 * height, 0.7 * width, 0.25 * height + 0.4 * width];
    const xs = this.points.map((p) => p[0]), ys = this.points.map((p) => p[1]);
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  }

  mark() {
    this.marked = this.points.length && this.mode !== "box" ? this.moving() : [];
    const [left, top, right, bottom] = this.box || [];
    this.rim.setAttribute("d", this.box ? `M${left} ${top}H${right}V${bottom}H${left}Z` : "");
    this.draw();
  }

  shift(dx, dy) {
    for (const id of this.moving()) {
      this.points[id] = [this.points[id][0] + dx, this.points[id][1] + dy];
    }
    this.mark();
  }

  down(event) {
    if (event.button) return;
    const at = this.place(event);
    if (this.mode === "box") {
      this.drag = { at, from: at };
    } else if (this.points.length) {
      const reach = NEAR / this.svg.getScreenCTM().a;
      const far = this.points.map((point) => Math.hypot(point[0] - at[0], point[1] - at[1]));
      const nearest = far.indexOf(Math.min(...far));
      if (far[nearest] > reach && this.mode !== "all") return;
      if (this.mode !== "all") this.chosen = nearest;
      this.drag = { at, before: this.points.map((point) => [...point]) };
      this.mark();
    }
    if (this.drag) this.svg.setPointerCapture(event.pointerId);
    this.svg.focus({ preventScroll: true });
    event.preventDefault();
  }

  move(event) {
    if (!this.drag) return;
    const at = this.place(event), { at: last, from } = this.drag;
    if (this.mode === "box") {
      this.box = [Math.min(from[0], at[0]), Math.min(from[1], at[1]), Math.max(from[0], at[0]), Math.max(from[1], at[1])];
      this.mark();
    } else this.shift(at[0] - last[0], at[1] - last[1]);
    this.drag.at = at;
    this.drag.moved = true;
  }

  up() {
    const drag = this.drag;
    this.drag = null;
    if (!drag || !drag.moved) return;
    if (this.mode === "box") this.boxed(this.box);
    else this.commit(drag.before);
  }

  commit(before) {
    this.past.push(before);
    this.changed(this.points);
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.points = before;
    this.mark();
    this.changed(this.points);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key === "z") { this.undo(); event.preventDefault(); }
      return;
    }
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const step = 1 / this.svg.getScreenCTM().a;  // a pixel of the screen
    if (this.mode === "box") {
      if (event.key === "Enter") this.boxed(this.box);
      else if (arrows) {
        const [dx, dy] = arrows.map((way) => way * 8 * step);
        this.box = this.box.map((value, i) => value + (event.shiftKey && i < 2 ? 0 : i % 2 ? dy : dx));
        this.mark();
        this.tell();
      } else return;
    } else if (arrows && this.points.length) {
      const before = this.points.map((point) => [...point]);
      this.shift(...arrows.map((way) => way * step * (event.shiftKey ? 10 : 1)));
      this.commit(before);
      this.tell();
    } else if ((event.key === "," || event.key === ".") && this.points.length) {
      this.chosen = (this.chosen + (event.key === "." ? 1 : 67)) % 68;
      this.mark();
      this.tell();
    } else return;
    event.preventDefault();
  }

  tell() {
    if (this.mode === "box") {
      const [left, top, right, bottom] = this.box.map(Math.round);
      this.said(`Box from ${left} to ${right} across, ${top} to ${bottom} down`);
      return;
    }
    const [x, y] = this.points[this.chosen].map(Math.round);
    this.said(`Point ${this.chosen}, ${groupOf(this.chosen).name}: ${x} across, ${y} down`);
  }
}
