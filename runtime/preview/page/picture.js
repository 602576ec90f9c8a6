// The picture in one of three palettes.

const IRON = [
  [0, 0, 0, 10],
  [0.13, 53, 0, 125],
  [0.3, 150, 16, 140],
  [0.48, 217, 67, 43],
  [0.66, 250, 156, 20],
  [0.86, 255, 222, 78],
  [1, 255, 252, 240],
];

export const PALETTES = ["white", "black", "iron"];
const tables = { white: null, black: table((v) => [255 - v, 255 - v, 255 - v]), iron: table(iron) };

// One 32-bit word per grey, in the order that ImageData has in memory.
function table(color) {
  const bytes = new Uint8ClampedArray(256 * 4);
  for (let grey = 0; grey < 256; grey++) bytes.set([...color(grey), 255], grey * 4);
  return new Uint32Array(bytes.buffer);
}

function iron(grey) {
  const at = grey / 255;
  const next = Math.max(1, IRON.findIndex(([stop]) => stop >= at));
  const [from, ...low] = IRON[next - 1];
  const [to, ...high] = IRON[next];
  const share = (at - from) / (to - from);
  return low.map((value, i) => value + (high[i] - value) * share);
}

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.palette = "white";
    this.bitmap = null;
  }

  async show(jpeg) {
    const bitmap = await createImageBitmap(jpeg);
    this.bitmap?.close();
    this.bitmap = bitmap;
    this.draw();
  }

  setPalette(palette) {
    this.palette = palette;
    if (this.bitmap) this.draw();
  }

  draw() {
    const { width, height } = this.bitmap;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.drawImage(this.bitmap, 0, 0);
    const colors = tables[this.palette];
    if (!colors) return;
    const image = this.context.getImageData(0, 0, width, height);
    const greys = image.data;
    const words = new Uint32Array(greys.buffer);
    for (let i = 0; i < words.length; i++) words[i] = colors[greys[4 * i]];
    this.context.putImageData(image, 0, 0);
  }
}
