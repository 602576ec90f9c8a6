// What is drawn over the picture: box, trail, and a box that is being chosen.

const TRAIL = 90; // places

// States differ in colour and in line, for those who see no colour.
export const LOOKS = {
  idle: { color: "#bebebe", dash: [2, 12] },
  tracking: { color: "#3ceb5a", dash: [] },
  uncertain: { color: "#ffeb3c", dash: [9, 6] },
  coasting: { color: "#50beff", dash: [2, 5] },
  lost: { color: "#ff6e3c", dash: [4, 10] },
  reacquired: { color: "#eb96ff", dash: [12, 4, 3, 4] },
};

export class Marks {
  constructor(canvas) {
    this.canvas = canvas;
    this.width = 1;
    this.height = 1;
    this.track = null;
    this.draft = null;
    this.trail = [];
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(told) {
    this.width = told.picture.width;
    this.height = told.picture.height;
    if (told.picture.is_start || told.state === "idle") this.trail = [];
    this.track = told.x === null ? null : told;
    if (this.track && told.state !== "lost") {
      this.trail.push([told.x + told.w / 2, told.y + told.h / 2]);
      if (this.trail.length > TRAIL) this.trail.shift();
    }
    this.draw();
  }

  setDraft(box) {
    this.draft = box;
    this.draw();
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    const width = Math.round(clientWidth * ratio);
    const height = Math.round(clientHeight * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    this.paint(context, width / this.width, height / this.height, ratio);
  }

  // Paint at a scale of canvas px per frame px; `unit` is the width of a fine line.
  paint(context, scaleX, scaleY, unit) {
    context.save();
    if (this.trail.length > 1) this.paintTrail(context, scaleX, scaleY, unit);
    if (this.track) {
      const look = LOOKS[this.track.state] ?? LOOKS.idle;
      const box = [this.track.x, this.track.y, this.track.w, this.track.h];
      const label = `${this.track.state}  ${this.track.score.toFixed(2)}`;
      this.paintBox(context, box, scaleX, scaleY, unit, look, label);
    }
    if (this.draft) {
      const { x, y, w, h } = this.draft;
      const look = { color: "#ffffff", dash: [6, 4] };
      const label = `${Math.round(w)} × ${Math.round(h)} px`;
      this.paintBox(context, [x, y, w, h], scaleX, scaleY, unit, look, label);
    }
    context.restore();
  }

  paintTrail(context, scaleX, scaleY, unit) {
    const look = LOOKS[this.track?.state] ?? LOOKS.idle;
    context.lineCap = "round";
    for (let i = 1; i < this.trail.length; i++) {
      const [[fromX, fromY], [toX, toY]] = [this.trail[i - 1], this.trail[i]];
      context.globalAlpha = (0.75 * i) / this.trail.length;
      context.strokeStyle = look.color;
      context.lineWidth = 1.6 * unit;
      context.beginPath();
      context.moveTo(fromX * scaleX, fromY * scaleY);
      context.lineTo(toX * scaleX, toY * scaleY);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  paintBox(context, [x, y, w, h], scaleX, scaleY, unit, look, label) {
    const grow = 2 * unit; // around the target, never over it
    const place = [x * scaleX - grow, y * scaleY - grow, w * scaleX + 2 * grow, h * scaleY + 2 * grow];
    context.setLineDash([]);
    context.strokeStyle = "rgb(0 0 0 / 0.6)";
    context.lineWidth = 4 * unit;
    context.strokeRect(...place);
    context.setLineDash(look.dash.map((length) => length * unit));
    context.strokeStyle = look.color;
    context.lineWidth = 2 * unit;
    context.strokeRect(...place);
    context.setLineDash([]);
    this.paintLabel(context, place, unit, look.color, label);
  }

  paintLabel(context, [left, top, , height], unit, color, label) {
    context.font = `600 ${12.5 * unit}px system-ui, "DejaVu Sans", sans-serif`;
    const wide = context.measureText(label).width + 12 * unit;
    const tall = 19 * unit;
    const { width: mostX, height: mostY } = context.canvas;
    let y = top - tall - 4 * unit;
    if (y < 0) y = top + height + 4 * unit;
    y = Math.min(Math.max(y, 0), mostY - tall);
    const x = Math.min(Math.max(left - unit, 0), Math.max(mostX - wide, 0));
    context.fillStyle = "rgb(10 12 15 / 0.8)";
    context.beginPath();
    context.roundRect(x, y, wide, tall, 5 * unit);
    context.fill();
    context.fillStyle = color;
    context.textBaseline = "middle";
    context.fillText(label, x + 6 * unit, y + tall / 2 + 0.5 * unit);
  }
}
