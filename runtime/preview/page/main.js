// Puts the parts of the page together.

import { Chart } from "/page/chart.js";
import { Live } from "/page/live.js";
import { Marks } from "/page/marks.js";
import * as orders from "/page/orders.js";
import { PALETTES, Picture } from "/page/picture.js";
import { Select } from "/page/select.js";

const find = (id) => document.getElementById(id);
const picture = new Picture(find("picture"));
const marks = new Marks(find("marks"));
const chart = new Chart(find("chart"));

let newest = null; // what came with the picture that is shown
let shownMs = 0; // when it was shown
let status = {};
let link = "connecting";
const kept = readKept();

// The picture and its numbers

async function showPicture(told, jpeg) {
  await picture.show(jpeg);
  newest = told;
  shownMs = performance.now();
  const { width, height } = told.picture;
  find("frame").style.setProperty("--aspect", (width / height).toFixed(4));
  marks.show(told);
  showState(told.state);
  showScale(told.picture);
  showTrack(told);
  if (!document.hidden) await new Promise(requestAnimationFrame); // no faster than the screen
}

function showState(state) {
  const badge = find("badge");
  if (badge.dataset.state === state) return;
  const before = badge.dataset.state;
  badge.dataset.state = state;
  badge.lastElementChild.textContent = state;
  if (state === "lost" || (before === "lost" && state !== "idle")) say(`Target ${state}`);
}

function showTrack(told) {
  const has = told.x !== null;
  setText("score", has ? told.score.toFixed(2) : "–");
  find("score-bar").value = has ? told.score : 0;
  const round = (value) => Math.round(value);
  const place = `${round(told.w)} × ${round(told.h)} px at ${round(told.x)}, ${round(told.y)}`;
  setText("box", has ? place : "no target");
  const warm = told.target_c;
  find("target-card").hidden = !warm;
  if (!warm) return;
  setText("target-mean", warm.mean.toFixed(1));
  setText("target-range", `${warm.low.toFixed(1)} to ${warm.high.toFixed(1)}`);
}

function showScale({ low_c: low, high_c: high }) {
  find("scale").hidden = low === null;
  if (low === null) return;
  setText("low", `${low.toFixed(0)} °C`);
  setText("high", `${high.toFixed(0)} °C`);
}

function setText(id, text) {
  const element = find(id);
  if (element.textContent !== text) element.textContent = text;
}

// Status, board, events

function showNews(told) {
  if (told.status.now_s < (status.now_s ?? 0) - 1) find("events").replaceChildren();
  status = told.status;
  chart.add(told);
  const text = chart.text();
  setText("chart-text", text);
  find("chart").setAttribute("aria-label", `Latency over the last two minutes: ${text}`);
  setText("source", [status.source, status.tracker].filter(Boolean).join("  ·  "));
  document.title = status.source ? `${status.source} – ThermEdge` : "ThermEdge";
  setText("fps", (status.fps_now ?? 0).toFixed(1));
  setText("frames", String(status.frames ?? "–"));
  setText("dropped", String(status.dropped ?? "–"));
  showRecording();
  showBoard(status.board ?? {});
  for (const event of told.events) addEvent(event);
  showEmpty();
}

function showRecording() {
  const { run, folder } = status.recording ?? {};
  const button = find("record");
  button.setAttribute("aria-pressed", String(Boolean(run)));
  button.lastElementChild.textContent = run ? "End recording" : "Record";
  button.title = run ? `Recording to ${folder}/${run}` : `Record into ${folder}`;
  find("recording-mark").hidden = !run;
}

function showBoard(board) {
  const rows = [];
  if (board.power_mode) rows.push(["Power mode", board.power_mode]);
  if (board.is_throttled) rows.push(["Throttled", "yes"]);
  if (status.sensor?.sensor_c != null) {
    rows.push(["Sensor", `${status.sensor.sensor_c.toFixed(1)} °C`]);
  }
  for (const [name, value] of Object.entries(board.temperatures_c ?? {})) {
    rows.push([name, `${value.toFixed(1)} °C`]);
  }
  for (const [name, value] of Object.entries(board.rails_w ?? {})) {
    rows.push([name, `${value.toFixed(2)} W`]);
  }
  for (const [name, value] of Object.entries(board.clocks_mhz ?? {})) {
    rows.push([name, `${value.toFixed(0)} MHz`]);
  }
  for (const [name, count] of Object.entries(status.faults ?? {})) rows.push([name, String(count)]);
  const list = find("board-list");
  const told = JSON.stringify(rows);
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  const parts = rows.flatMap(([name, value]) => [made("dt", name), made("dd", value)]);
  if (!parts.length) {
    const none = made("dd", "This machine tells no temperatures.");
    none.className = "none";
    parts.push(none);
  }
  list.replaceChildren(...parts);
}

const ALARMS = new Set(["stall", "unplugged", "range_changed", "lost", "gave_up", "visible_lost"]);

function addEvent({ t, kind, detail }) {
  const list = find("events");
  const item = made("li", "");
  if (ALARMS.has(kind)) item.className = "alarm";
  item.append(made("time", clock(t)), made("strong", kind.replaceAll("_", " ")), made("span", detail));
  list.querySelector(".empty")?.remove();
  list.prepend(item);
  while (list.children.length > 200) list.lastElementChild.remove();
}

function showEmpty() {
  const list = find("events");
  if (list.children.length) return;
  const item = made("li", "None yet.");
  item.className = "empty";
  list.append(item);
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

function made(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

// The link, and how old the picture is

function showLink(state) {
  const isNew = link !== state;
  link = state;
  if (isNew || state === "live") look(); // a tracker that began anew may want the token again
  tick();
}

function tick() {
  const silent = status.silent_s > 2 || (link === "live" && status.state === "starting");
  const state = link === "live" && silent ? "silent" : link;
  const names = { connecting: "connecting", live: "live", silent: "no frames", lost: "no link" };
  if (find("link").dataset.link !== state) {
    find("link").dataset.link = state;
    find("link").lastElementChild.textContent = names[state];
  }
  let veil = "";
  if (!orders.mayWatch() && link !== "connecting") veil = "Watching needs the token";
  else if (link === "lost") veil = "The tracker does not answer. Trying again…";
  else if (state === "silent") veil = "No frames come from the camera";
  else if (status.sensor?.shutter === "closed" && newest?.picture.shutter === "closed") {
    veil = "Shutter closed";
  }
  find("veil").hidden = !veil;
  setText("veil", veil);
  const passed = newest ? performance.now() - shownMs : 0;
  const age = newest?.picture.age_ms;
  setText("age", age == null ? "–" : Math.round(age + passed).toString());
}
setInterval(tick, 200);

async function look() {
  try {
    await orders.look();
  } catch {
    // The link's own state tells.
  }
}

// Orders

const select = new Select(find("view"), () => [marks.width, marks.height], {
  draft: (box) => {
    marks.setDraft(box);
    find("draw").setAttribute("aria-pressed", String(Boolean(box)));
  },
  chosen: (box) => allowed(() => carryOut(orders.start(box), "Tracking the chosen box")),
  small: () => hint("Drag a box around the target"),
  type: () => typeBox(),
  say,
});

function typeBox() {
  if (!newest) return;
  const around = newest.x === null ? null : { x: newest.x, y: newest.y, w: newest.w, h: newest.h };
  select.type(around);
  hint("Arrows move the box, Shift + arrows change its size, Enter tracks it");
}

let later = null; // the order that waits for the token

function allowed(order) {
  if (orders.mayControl()) {
    order();
    return;
  }
  later = order;
  openLogin();
}

async function carryOut(promise, done) {
  try {
    const told = await promise;
    say(done);
    return told;
  } catch (error) {
    toast(error.message);
    return null;
  }
}

const letGo = () => allowed(() => carryOut(orders.letGo(), "The target was let go"));

function toggleRecording() {
  const on = find("record").getAttribute("aria-pressed") !== "true";
  allowed(async () => {
    const told = await carryOut(orders.record(on), on ? "Recording" : "Recording complete");
    if (told?.run) toast(on ? `Recording to ${told.run}` : `Recorded ${told.run}`);
  });
}

function snapshot() {
  if (!newest) return;
  const canvas = document.createElement("canvas");
  const factor = Math.max(1, Math.ceil(960 / picture.canvas.width));
  canvas.width = picture.canvas.width * factor;
  canvas.height = picture.canvas.height * factor;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.canvas, 0, 0, canvas.width, canvas.height);
  const { draft } = marks;
  marks.draft = null;
  marks.paint(context, canvas.width / marks.width, canvas.height / marks.height, 1.5);
  marks.draft = draft;
  canvas.toBlob((blob) => {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(blob);
    anchor.download = `frame_${newest.frame}.png`;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
    say("The snapshot was saved");
  });
}

find("draw").addEventListener("click", () => (select.draft ? select.cancel() : typeBox()));
find("draw").addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus
find("stop").addEventListener("click", letGo);
find("record").addEventListener("click", toggleRecording);
find("snapshot").addEventListener("click", snapshot);
find("view").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = { s: snapshot, r: toggleRecording, p: nextPalette, Delete: letGo, Backspace: letGo };
  const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// The token

const login = find("login");

function openLogin() {
  setText("login-wrong", "");
  find("token").value = "";
  setText("login-title", orders.mayWatch() ? "Unlock orders" : "Unlock the picture");
  if (!login.open) login.showModal();
}

find("unlock").addEventListener("click", openLogin);
find("login-cancel").addEventListener("click", () => login.close());
login.addEventListener("close", () => {
  if (!orders.mayControl()) later = null;
});
find("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await orders.logIn(find("token").value.trim());
  } catch (error) {
    setText("login-wrong", error.message);
    find("token").select();
    return;
  }
  const order = later;
  later = null;
  login.close();
  if (order) order();
});

orders.whenRightsChange(() => {
  find("unlock").hidden = orders.mayControl();
  if (orders.mayWatch()) live.open();
  else openLogin();
  tick();
});

// Look

function setPalette(palette) {
  picture.setPalette(palette);
  find("scale").dataset.palette = palette;
  document.querySelector(`input[name=palette][value=${palette}]`).checked = true;
  keep("palette", palette);
}

function nextPalette() {
  setPalette(PALETTES[(PALETTES.indexOf(picture.palette) + 1) % PALETTES.length]);
  say(`${picture.palette} palette`);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  chart.draw();
}

const prefersLight = matchMedia("(prefers-color-scheme: light)");
prefersLight.addEventListener("change", () => kept.theme || setTheme(usualTheme()));
const usualTheme = () => (prefersLight.matches ? "light" : "dark");

find("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  setTheme(theme);
  keep("theme", theme);
});
for (const input of document.querySelectorAll("input[name=palette]")) {
  input.addEventListener("change", () => setPalette(input.value));
}

function readKept() {
  try {
    return JSON.parse(localStorage.getItem("thermedge") ?? "{}") ?? {};
  } catch {
    return {};
  }
}

function keep(name, value) {
  kept[name] = value;
  try {
    localStorage.setItem("thermedge", JSON.stringify(kept));
  } catch {
    // A private window keeps nothing; the page works all the same.
  }
}

// Words

function say(text) {
  find("said").textContent = text;
}

let hintTimer = 0;
function hint(text) {
  setText("hint", text);
  find("hint").hidden = false;
  clearTimeout(hintTimer);
  hintTimer = setTimeout(() => (find("hint").hidden = true), 4000);
}

let toastTimer = 0;
function toast(text) {
  setText("toast", text);
  find("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (find("toast").hidden = true), 6000);
}

// Begin

const live = new Live({ picture: showPicture, news: showNews, link: showLink });
setTheme(kept.theme === "light" || kept.theme === "dark" ? kept.theme : usualTheme());
setPalette(PALETTES.includes(kept.palette) ? kept.palette : "white");
showEmpty();
if (matchMedia("(max-width: 900px)").matches) find("board").open = false;

async function begin() {
  try {
    await orders.begin();
  } catch {
    showLink("lost");
    setTimeout(begin, 2000);
  }
}
begin();
