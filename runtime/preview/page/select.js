// Choose a box by mouse, by finger, or by keyboard.

const LEAST_PX = 4; // of the frame: less is a click, not a box
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Select {
  // size(): [width, height] of the frame; on: { draft(box or null), chosen(box), say(text) }
  constructor(view, size, on) {
    this.view = view;
    this.size = size;
    this.on = on;
    this.from = null; // where a drag began, frame px
    this.draft = null;
    this.isTyped = false; // the draft is moved by keys
    view.addEventListener("pointerdown", (event) => this.press(event));
    view.addEventListener("pointermove", (event) => this.move(event));
    view.addEventListener("pointerup", (event) => this.release(event));
    view.addEventListener("pointercancel", () => this.cancel());
    view.addEventListener("keydown", (event) => this.key(event));
    view.addEventListener("blur", () => this.isTyped && this.cancel());
  }

  at(event) {
    const place = this.view.getBoundingClientRect();
    const [width, height] = this.size();
    const x = ((event.clientX - place.left) / place.width) * width;
    const y = ((event.clientY - place.top) / place.height) * height;
    return [clamp(x, 0, width), clamp(y, 0, height)];
  }

  press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    this.view.setPointerCapture(event.pointerId);
    this.isTyped = false;
    this.from = this.at(event);
  }

  move(event) {
    if (!this.from || !event.isPrimary) return;
    const [x0, y0] = this.from;
    const [x1, y1] = this.at(event);
    this.setDraft({
      x: Math.min(x0, x1),
      y: Math.min(y0, y1),
      w: Math.abs(x1 - x0),
      h: Math.abs(y1 - y0),
    });
  }

  release(event) {
    if (!this.from || !event.isPrimary) return;
    this.move(event);
    const box = this.draft;
    this.cancel();
    if (box && box.w >= LEAST_PX && box.h >= LEAST_PX) this.on.chosen(box);
    else this.on.small();
  }

  cancel() {
    this.from = null;
    this.isTyped = false;
    this.setDraft(null);
  }

  // Begin with a box that the keyboard moves: around the target, or in the middle.
  type(around) {
    const [width, height] = this.size();
    const side = Math.round(Math.min(width, height) / 8);
    const middle = { x: (width - side) / 2, y: (height - side) / 2, w: side, h: side };
    this.isTyped = true;
    this.setDraft(this.fitted(around ?? middle));
    this.view.focus();
    this.on.say("A box. Arrows move it, Shift and arrows change its size, Enter tracks it.");
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (this.isTyped && step) this.nudge(step, event.shiftKey);
    else if (this.isTyped && event.key === "Enter") {
      const box = this.draft;
      this.cancel();
      this.on.chosen(box);
    } else if (event.key === "Escape" && this.draft) {
      this.cancel();
      this.on.say("No box.");
    } else if (event.key === "Enter") this.on.type();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  nudge([dx, dy], isSize) {
    const [width, height] = this.size();
    const by = Math.max(1, Math.round(Math.min(width, height) / 64));
    const { x, y, w, h } = this.draft;
    const next = isSize
      ? { x: x - (dx * by) / 2, y: y + (dy * by) / 2, w: w + dx * by, h: h - dy * by }
      : { x: x + dx * by, y: y + dy * by, w, h };
    this.setDraft(this.fitted(next));
    const box = this.draft;
    const place = `${Math.round(box.x)}, ${Math.round(box.y)}`;
    this.on.say(`${place}, ${Math.round(box.w)} by ${Math.round(box.h)} pixels`);
  }

  fitted({ x, y, w, h }) {
    const [width, height] = this.size();
    w = clamp(w, LEAST_PX, width);
    h = clamp(h, LEAST_PX, height);
    return { x: clamp(x, 0, width - w), y: clamp(y, 0, height - h), w, h };
  }

  setDraft(box) {
    this.draft = box;
    this.on.draft(box);
  }
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
