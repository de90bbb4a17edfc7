// The page to try the server: pictures and the camera, what models hold, and the lines that do the same from a program.
"use strict";

const get = (id) => document.getElementById(id);
const canvas = get("canvas");
const pen = canvas.getContext("2d");
// Detections below this are not asked for: the slider begins here.
const LEAST = 0.05;
const HISTORY = 120;
let shown = null; // The last answer, with the picture that it is about.
let camera = null;
let turn = 0; // What was asked for last: an answer to something before it comes too late.
const history = [];

// ---- the server

function token() {
  return sessionStorage.getItem("token");
}

async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token()) headers.set("authorization", `Bearer ${token()}`);
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) get("token-form").hidden = false;
  const text = await response.text();
  let body = null;
  try { body = text ? JSON.parse(text) : null; } catch { body = null; }
  if (!response.ok) throw new Error(body?.error ?? `the server answered ${response.status}`);
  return body;
}

get("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", get("token").value);
  get("token-form").hidden = true;
  say("error", "");
  refresh();
});

// Said only when it changes: a screen reader would repeat it.
function say(id, text) {
  if (get(id).textContent !== text) get(id).textContent = text;
}

// ---- drawing, as `yolo10-burn run` draws

// Hues by the golden angle in OKLab, as the program's own palette has them.
function classColor(index) {
  const turn = (index % 1000) * 0.381966 + 0.13;
  const lightness = [0.72, 0.56, 0.84][index % 3];
  const a = 0.16 * Math.cos(turn * 2 * Math.PI);
  const b = 0.16 * Math.sin(turn * 2 * Math.PI);
  const long = (lightness + 0.39633778 * a + 0.21580376 * b) ** 3;
  const medium = (lightness - 0.105561346 * a - 0.06385417 * b) ** 3;
  const short = (lightness - 0.08948418 * a - 1.2914855 * b) ** 3;
  const level = (linear) => Math.round(Math.min(1, Math.max(0, linear) ** (1 / 2.2)) * 255);
  return [
    level(4.0767417 * long - 3.3077116 * medium + 0.23096994 * short),
    level(-1.268438 * long + 2.6097574 * medium - 0.3413194 * short),
    level(-0.0041960863 * long - 0.7034186 * medium + 1.7076147 * short),
  ];
}

function inkOn(color) {
  const [r, g, b] = color.map((level) => (level / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

const css = (color) => `rgb(${color.join(" ")})`;

// On top of its box, or where it covers the least of the others: inside, below, inside at the bottom.
function place(found, others, line, letters) {
  const text = `${found.name} ${found.score.toFixed(2)}`;
  const padding = letters * 0.15;
  const width = pen.measureText(text).width + 2 * padding;
  const height = letters + 2 * padding;
  const [boxLeft, boxTop, , boxBottom] = found.box;
  const [start, end] = [Math.max(0, boxTop - line / 2), Math.min(canvas.height, boxBottom + line / 2)];
  const left = Math.max(0, Math.min(boxLeft - line / 2, canvas.width - width));
  const both = (one, onesLength, other, othersLength) =>
    Math.max(0, Math.min(one + onesLength, other + othersLength) - Math.max(one, other));
  const covered = (top) => others.reduce((sum, other) =>
    sum + both(left, width, other.left, other.width) * both(top, height, other.top, other.height), 0);
  const tops = [start - height, start, end, end - height].filter((top) => top >= 0 && top + height <= canvas.height);
  if (tops.length === 0) tops.push(Math.max(0, Math.min(start, canvas.height - height)));
  const top = tops.reduce((best, next) => covered(next) < covered(best) ? next : best);
  return { text, left, top, width, height, padding, color: classColor(found.class) };
}

function draw() {
  if (!shown) return;
  const { picture, answer } = shown;
  canvas.width = answer.width;
  canvas.height = answer.height;
  pen.drawImage(picture, 0, 0, answer.width, answer.height);
  const above = Number(get("confidence").value);
  const kept = answer.detections.filter((found) => found.score > above);
  const line = Math.max(2, Math.round((canvas.width + canvas.height) / 2 * 0.003));
  const letters = Math.min(line * 8, Math.max(canvas.height / 16, 8));
  pen.font = `${letters}px system-ui, sans-serif`;
  pen.textBaseline = "top";
  for (const found of [...kept].reverse()) {
    const [left, top, right, bottom] = found.box;
    pen.strokeStyle = css(classColor(found.class));
    pen.lineWidth = line;
    pen.strokeRect(left, top, right - left, bottom - top);
  }
  // The best choose their labels' places first, and are drawn last: they lie on top.
  const labels = [];
  for (const found of kept) labels.push(place(found, labels, line, letters));
  for (const { text, left, top, width, height, padding, color } of labels.reverse()) {
    pen.fillStyle = css(color);
    pen.fillRect(left, top, width, height);
    pen.fillStyle = inkOn(color);
    pen.fillText(text, left + padding, top + padding);
  }
  list(kept, answer);
}

function list(kept, answer) {
  const counts = new Map();
  for (const found of kept) counts.set(found.name, (counts.get(found.name) ?? 0) + 1);
  const what = [...counts].map(([name, count]) => `${count} × ${name}`).join(", ") || "nothing";
  const times = Object.entries(answer.ms).map(([stage, ms]) => `${stage} ${ms.toFixed(1)} ms`).join(", ");
  if (!camera) say("summary", `Found ${what}; ${times}.`);
  get("found").hidden = kept.length === 0;
  get("found").tBodies[0].replaceChildren(...kept.map((found) => {
    const row = document.createElement("tr");
    for (const text of [found.name, found.score.toFixed(2), found.box.map((edge) => edge.toFixed(0)).join(", ")]) {
      row.insertCell().textContent = text;
    }
    return row;
  }));
}

// ---- pictures

async function search(blob, picture) {
  const model = get("model").value;
  if (!model) throw new Error("no model is ready: load one below");
  const path = `v1/models/${encodeURIComponent(model)}/detect?conf=${LEAST}`;
  const mine = turn;
  const answer = await ask(path, { method: "POST", headers: { "content-type": blob.type || "image/jpeg" }, body: blob });
  if (mine !== turn) return;
  shown = { picture, answer };
  get("hint").hidden = true;
  canvas.hidden = false;
  draw();
}

async function show(file) {
  stopCamera();
  turn += 1;
  say("error", "");
  say("summary", "Searching.");
  try {
    await search(file, await createImageBitmap(file, { imageOrientation: "from-image" }));
  } catch (error) {
    say("summary", "");
    say("error", `Not searched: ${error.message}.`);
  }
}

get("file").addEventListener("change", () => {
  if (get("file").files[0]) show(get("file").files[0]);
  get("file").value = "";
});
get("drop").addEventListener("dragover", (event) => {
  event.preventDefault();
  get("drop").classList.add("over");
});
get("drop").addEventListener("dragleave", () => get("drop").classList.remove("over"));
get("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  get("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) show(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((file) => file.type.startsWith("image/"));
  if (file) show(file);
});
get("confidence").addEventListener("input", () => {
  say("confidence-value", Number(get("confidence").value).toFixed(2));
  draw();
  snippets();
});

// ---- the camera

get("camera").addEventListener("click", async () => {
  if (camera) return stopCamera();
  say("error", "");
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    get("camera").setAttribute("aria-pressed", "true");
    get("camera").textContent = "Stop the camera";
    say("summary", "The camera is on.");
    get("video").srcObject = camera;
    await get("video").play();
    watch();
  } catch (error) {
    stopCamera();
    say("error", `No camera: ${error.message}.`);
  }
});

function stopCamera() {
  if (!camera) return;
  for (const track of camera.getTracks()) track.stop();
  camera = null;
  turn += 1;
  get("camera").setAttribute("aria-pressed", "false");
  get("camera").textContent = "Use the camera";
  say("summary", "The camera is off.");
}

// One frame at a time: the next is taken when the last is answered.
async function watch() {
  const video = get("video");
  const frame = document.createElement("canvas");
  while (camera) {
    frame.width = video.videoWidth;
    frame.height = video.videoHeight;
    frame.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((done) => frame.toBlob(done, "image/jpeg", 0.9));
    try {
      await search(blob, await createImageBitmap(frame));
    } catch (error) {
      stopCamera();
      say("error", `Not searched: ${error.message}.`);
    }
  }
}

// ---- models

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function cell(row, text, kind) {
  const made = row.insertCell();
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function row(model) {
  const made = document.createElement("tr");
  made.dataset.model = model.name;
  cell(made, model.name);
  cell(made, model.reason ? `${model.state}: ${model.reason}` : model.state);
  cell(made, model.memory ? megabytes(model.memory.weights.reserved) : "0", "number");
  cell(made, model.memory ? megabytes(model.memory.workspace.reserved) : "0", "number");
  const buttons = made.insertCell();
  const ready = model.state === "READY";
  for (const [what, path, usable] of [
    ["Load", `v2/repository/models/${model.name}/load`, !ready],
    ["Unload", `v2/repository/models/${model.name}/unload`, ready],
    ["Trim", `v1/models/${model.name}/trim`, ready],
  ]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = what;
    button.setAttribute("aria-label", `${what} ${model.name}`);
    button.disabled = !usable;
    button.addEventListener("click", () => change(what, model.name, path));
    buttons.append(button);
  }
  return made;
}

async function change(what, name, path) {
  say("change", `${what} ${name}: at work.`);
  try {
    const done = await ask(path, { method: "POST" });
    const freed = "released" in done;
    say("change", freed
      ? `${what} ${name}: ${megabytes(done.released)} given back in ${(done.took_ms ?? 0).toFixed(1)} ms, ${done.residue} bytes left.`
      : `${what} ${name}: it holds ${megabytes(done.memory.weights.reserved)}.`);
  } catch (error) {
    say("change", `${what} ${name}: ${error.message}.`);
  }
  await refresh();
}

let listed = "";
async function refresh() {
  let memory;
  try {
    memory = await ask("v1/memory");
  } catch (error) {
    say("health", `Not to be asked: ${error.message}.`);
    return;
  }
  const ready = memory.models.filter((model) => model.state === "READY");
  say("health", ready.length ? `Ready: ${ready.map((model) => model.name).join(", ")}.` : "No model is ready.");
  const now = JSON.stringify(memory.models.map((model) => [model.name, model.state, model.reason, model.memory?.weights, model.memory?.workspace]));
  // Rebuilt only when it changes: a button that has the focus keeps it.
  if (now !== listed) {
    listed = now;
    const focused = document.activeElement?.getAttribute("aria-label");
    get("models").tBodies[0].replaceChildren(...memory.models.map(row));
    if (focused) {
      const again = document.querySelector(`[aria-label="${CSS.escape(focused)}"]`);
      // Who has just unloaded by keyboard is at what can be done next.
      (again?.disabled ? again.closest("tr").querySelector("button:enabled") : again)?.focus();
    }
    const chosen = get("model").value;
    get("model").replaceChildren(...ready.map((model) => new Option(model.name, model.name, false, model.name === chosen)));
    snippets();
  }
  history.push(memory.held);
  if (history.length > HISTORY) history.shift();
  const top = Math.max(1, memory.budget ?? 0, ...history) * 1.1;
  const points = history.map((bytes, index) => `${(index + HISTORY - history.length) * 600 / (HISTORY - 1)},${120 - bytes / top * 120}`);
  get("line").setAttribute("points", points.join(" "));
  const limit = memory.budget ? ` of ${megabytes(memory.budget)}` : "";
  get("graph-text").textContent = `${megabytes(memory.held)} held now${limit}, over the last two minutes; the process has ${megabytes(memory.resident ?? 0)}.`;
}

// ---- the same from a program

function snippets() {
  const server = location.origin;
  const model = get("model").value || "MODEL";
  const confidence = get("confidence").value;
  const url = `${server}/v1/models/${model}/detect?conf=${confidence}`;
  const secret = token() ? ' -H "authorization: Bearer $TOKEN"' : "";
  get("curl").textContent = `curl${secret} --data-binary @picture.jpg -H 'content-type: image/jpeg' '${url}'
curl${secret} -X POST ${server}/v2/repository/models/${model}/unload`;
  get("python").textContent = `import requests
answer = requests.post("${url}", data=open("picture.jpg", "rb"), headers={"content-type": "image/jpeg"})
for found in answer.json()["detections"]:
    print(found["name"], found["score"], found["box"])`;
  get("triton").textContent = `import numpy as np, tritonclient.http as triton
client = triton.InferenceServerClient("${location.host}")
images = triton.InferInput("images", [1], "BYTES")
images.set_data_from_numpy(np.array([open("picture.jpg", "rb").read()], dtype=object))
rows = client.infer("${model}", [images]).as_numpy("output0")[0]  # left, top, right, bottom, score, class
client.unload_model("${model}")  # its bytes are back when this returns`;
}

get("model").addEventListener("change", snippets);
snippets();
refresh();
setInterval(refresh, 1000);
