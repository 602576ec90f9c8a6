// The live picture: a WebSocket that comes back when it breaks.

const LONGEST_WAIT_MS = 5000;
const SILENT_MS = 6000; // status comes twice a second: without it the link is dead

const decoder = new TextDecoder();

export class Live {
  // on: { picture(told, jpeg), news(told), link(state) }
  constructor(on) {
    this.on = on;
    this.waitMs = 300;
    this.heardMs = 0;
    this.timer = 0;
    this.isWanted = false;
    setInterval(() => this.watchOver(), 1000);
    addEventListener("online", () => this.connect());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.isWanted) this.connect();
    });
  }

  open() {
    this.isWanted = true;
    this.connect();
  }

  connect() {
    if (!this.isWanted || (this.socket && this.socket.readyState < WebSocket.CLOSING)) return;
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/live`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heardMs = performance.now();
    socket.onopen = () => {
      this.waitMs = 300;
      this.on.link("live");
    };
    socket.onmessage = (message) => this.hear(socket, message.data);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.on.link("lost");
      this.timer = setTimeout(() => this.connect(), this.waitMs * (0.7 + 0.6 * Math.random()));
      this.waitMs = Math.min(this.waitMs * 1.7, LONGEST_WAIT_MS);
    };
  }

  hear(socket, data) {
    this.heardMs = performance.now();
    if (typeof data === "string") {
      this.on.news(JSON.parse(data));
      return;
    }
    const length = new DataView(data).getUint32(0);
    const told = JSON.parse(decoder.decode(new Uint8Array(data, 4, length)));
    const jpeg = new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" });
    Promise.resolve(this.on.picture(told, jpeg)).finally(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send("next");
    });
  }

  watchOver() {
    const socket = this.socket;
    if (socket && performance.now() - this.heardMs > SILENT_MS) socket.close();
  }
}
