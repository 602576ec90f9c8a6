// Two minutes of latency, with drops, shutter, missing targets and events on the same line.

const SPAN_S = 120;
const BOTTOM = 24; // css px below the plot: drops, and the time
const LEFT = 48;

export class Chart {
  constructor(canvas) {
    this.canvas = canvas;
    this.slices = [];
    this.events = [];
    this.nowS = 0;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  // Slices and events of a tracker that began anew take the place of the old ones.
  add({ slices, events, status }) {
    if (status.now_s < this.nowS - 1) {
      this.slices = [];
      this.events = [];
    }
    this.nowS = status.now_s ?? this.nowS;
    this.slices.push(...slices);
    this.events.push(...events);
    const oldest = this.nowS - SPAN_S - 2;
    this.slices = this.slices.filter(({ t }) => t > oldest);
    this.events = this.events.filter(({ t }) => t > oldest);
    this.draw();
  }

  text() {
    const times = this.slices.filter(({ ms }) => ms !== null);
    if (!times.length) return "";
    const mean = times.reduce((sum, { ms }) => sum + ms, 0) / times.length;
    const most = Math.max(...times.map(({ most_ms }) => most_ms));
    return `mean ${mean.toFixed(1)} ms, slowest ${most.toFixed(1)} ms`;
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.canvas);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    const plot = { left: LEFT, right: width - 4, top: 6, bottom: height - BOTTOM };
    const most = ceiling(this.slices);
    const x = (t) => plot.right - ((this.nowS - t) / SPAN_S) * (plot.right - plot.left);
    const y = (ms) => plot.bottom - (Math.min(ms, most) / most) * (plot.bottom - plot.top);
    context.font = '11px system-ui, "DejaVu Sans", sans-serif';
    this.bands(context, plot, x, color);
    grid(context, plot, { most, x, y, color, nowS: this.nowS });
    context.save();
    context.beginPath();
    context.rect(plot.left, 0, plot.right - plot.left + 4, height);
    context.clip();
    this.line(context, x, y, "most_ms", color("soft"), 1.2);
    this.line(context, x, y, "ms", color("accent"), 2.2);
    this.drops(context, plot, x, color("bad"));
    this.circles(context, plot, x, color);
    context.restore();
  }

  bands(context, plot, x, color) {
    for (const { t, span, shut, state } of this.slices) {
      const left = Math.max(x(t), plot.left);
      const wide = x(t + span) - left;
      if (wide <= 0) continue;
      const tall = plot.bottom - plot.top;
      if (state === "lost" || state === "coasting") {
        context.globalAlpha = state === "lost" ? 0.3 : 0.14;
        context.fillStyle = color("bad");
        context.fillRect(left, plot.top, wide + 0.5, tall);
      }
      context.globalAlpha = 1;
      if (!shut) continue;
      context.save();
      context.beginPath();
      context.rect(left, plot.top, Math.max(wide, 3), tall);
      context.clip();
      context.strokeStyle = color("info");
      context.lineWidth = 1.2;
      context.beginPath();
      const first = Math.floor((left - tall) / 5) * 5;
      for (let at = first; at < left + wide; at += 5) {
        context.moveTo(at, plot.bottom);
        context.lineTo(at + tall, plot.top);
      }
      context.stroke();
      context.restore();
    }
  }

  line(context, x, y, key, color, thick) {
    context.strokeStyle = color;
    context.lineWidth = thick;
    context.lineJoin = "round";
    context.beginPath();
    let endS = null;
    for (const slice of this.slices) {
      if (slice[key] === null) continue;
      const at = [x(slice.t + slice.span / 2), y(slice[key])];
      if (endS !== null && slice.t - endS < 1) context.lineTo(...at);
      else context.moveTo(...at);
      endS = slice.t + slice.span;
    }
    context.stroke();
  }

  drops(context, plot, x, color) {
    context.fillStyle = color;
    for (const { t, span, dropped } of this.slices) {
      if (!dropped) continue;
      const at = x(t + span / 2);
      const tall = Math.min(3 + dropped, 8);
      context.beginPath();
      context.moveTo(at, plot.bottom + 1);
      context.lineTo(at - 3.5, plot.bottom + 1 + tall);
      context.lineTo(at + 3.5, plot.bottom + 1 + tall);
      context.fill();
    }
  }

  circles(context, plot, x, color) {
    for (const { t } of this.events) {
      context.beginPath();
      context.arc(x(t), plot.top + 5, 3.5, 0, 2 * Math.PI);
      context.fillStyle = color("card");
      context.fill();
      context.strokeStyle = color("text");
      context.lineWidth = 1.8;
      context.stroke();
    }
  }
}

// The next round number above nearly all slices: one slow frame must not flatten the rest.
function ceiling(slices) {
  const times = slices.flatMap(({ most_ms }) => (most_ms === null ? [] : [most_ms]));
  if (!times.length) return 20;
  times.sort((a, b) => a - b);
  const high = 1.15 * times[Math.floor(0.97 * (times.length - 1))];
  const power = 10 ** Math.floor(Math.log10(Math.max(high, 1)));
  return power * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= high);
}

function grid(context, plot, { most, x, y, color, nowS }) {
  context.strokeStyle = color("line");
  context.fillStyle = color("soft");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    const at = Math.round(y(share * most)) + 0.5;
    context.beginPath();
    context.moveTo(plot.left, at);
    context.lineTo(plot.right, at);
    context.stroke();
    const value = share * most;
    const digits = most < 5 && value % 1 ? 1 : 0;
    context.fillText(share === 1 ? `${value} ms` : value.toFixed(digits), plot.left - 5, at);
  }
  context.textBaseline = "alphabetic";
  for (const ago of [120, 90, 60, 30, 0]) {
    context.textAlign = ago === 120 ? "left" : ago === 0 ? "right" : "center";
    const text = ago ? `−${ago} s` : "now";
    context.fillText(text, x(nowS - ago), plot.bottom + BOTTOM - 4);
  }
}
