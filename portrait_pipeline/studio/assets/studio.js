import { Editor, Overlay } from "./points.js";

const find = (id) => document.getElementById(id);
const ROLES = { photo: ["Photo", "Drop a portrait photo here"], art: ["Artwork", "Drop a portrait artwork here"] };
const FILES = [["glb", "GLB", "for Blender, three.js, engines"], ["obj", "OBJ", "with materials, as ZIP"],
  ["png", "PNG", "the picture"], ["gif", "Turntable", "animated GIF"],
  ["sheet", "Contact sheet", "every step in one picture"], ["zip", "Everything", "as ZIP"]];
const WORDS = { queued: "Waiting its turn", running: "Being made", done: "Finished", failed: "Could not be made",
  cancelled: "Cancelled", interrupted: "Interrupted" };
const works = new Map();
let all = null, creating = null, editing = null;

// The work on the desk is in the address, so that it survives a reload and each tab has its own.
const current = () => works.get(location.hash.slice(1)) || null;

function element(kind, attributes = {}, ...children) {
  const node = Object.assign(document.createElement(kind), attributes);
  node.append(...children);
  return node;
}

async function ask(path, body = {}, method = "POST") {
  let answer;
  try {
    answer = await fetch(path, { method, body: body instanceof Blob ? body : JSON.stringify(body) });
  } catch {
    throw new Error("The studio does not answer; start it again. Nothing is lost.");
  }
  const data = await answer.json().catch(() => ({ error: `The studio refused (${answer.status}).` }));
  if (!answer.ok) throw new Error(data.error);
  return data;
}

function complain(text) {
  find("error").firstElementChild.textContent = text;
  find("error").hidden = !text;
  if (text) find("error").scrollIntoView({ block: "nearest" });
}

// A control that cannot be used for now. `disabled` would take the focus from under the keys, and never give it back.
const withhold = (control, is) => control.setAttribute("aria-disabled", String(is));
addEventListener("click", (event) => {
  if (event.target.closest("[aria-disabled=true]")) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

// Runs an action of the user; what goes wrong is one line on the page.
async function attempt(action) {
  complain("");
  try { return await action(); } catch (error) { complain(error.message); }
}

function take(work) {
  works.set(work.id, work);
  render();
  return work;
}

// The work on the desk, made at the first picture.
async function desk() {
  if (current()) return current();
  creating ||= ask("works").then((work) => {
    creating = null;
    history.replaceState(null, "", "#" + work.id);
    return take(work);
  });
  return creating;
}

const cards = {};
for (const [role, [label, request]] of Object.entries(ROLES)) {
  const card = find("card").content.firstElementChild.cloneNode(true);
  const part = (selector) => card.querySelector(selector);
  card.id = role;
  part("h3").textContent = label;
  part(".ask").textContent = request;
  part(".samples").setAttribute("aria-label", `Bundled ${role === "photo" ? "photos" : "artworks"}`);
  part("input[type=file]").setAttribute("aria-label", `Choose a file: ${label.toLowerCase()}`);
  part("input[type=file]").addEventListener("change", (event) => {
    send(role, event.target.files[0]);
    event.target.value = "";
  });
  part(".adjust").addEventListener("click", () => edit(role));
  for (const kind of ["points", "parts"])
    part(`input.${kind}`).addEventListener("change", (event) => card.classList.toggle(`with-${kind}`, event.target.checked));
  card.classList.add("with-points", "with-parts");
  card.addEventListener("dragover", (event) => { event.preventDefault(); card.classList.add("over"); });
  card.addEventListener("dragleave", () => card.classList.remove("over"));
  card.addEventListener("drop", (event) => {
    event.preventDefault();
    card.classList.remove("over");
    send(role, event.dataTransfer.files[0]);
  });
  document.querySelector(".panel").before(card);
  cards[role] = { card, part, overlay: new Overlay(part(".overlay")) };
}
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

function send(role, file) {
  if (!file) return;
  attempt(async () => {
    if (file.size > all.most) throw new Error(`${file.name}: too large; the limit is ${all.most / 1e6} MB, save a smaller copy`);
    const work = await desk();
    take(await ask(`works/${work.id}/${role}?name=${encodeURIComponent(file.name)}`, file, "PUT"));
  });
}

const change = async (role, wish) => {
  const work = await desk();
  return take(await ask(`works/${work.id}/${role}`, wish));
};

function samples() {
  for (const [role, { part }] of Object.entries(cards)) {
    part(".hint").textContent = all.formats;
    part(".samples").replaceChildren(...all.samples[role].map((name) => {
      const label = name.replaceAll("_", " ");
      const button = element("button", { type: "button", title: label },
        element("img", { src: `samples/${encodeURIComponent(name)}`, alt: label, loading: "lazy" }));
      button.dataset.sample = name;
      button.addEventListener("click", () => attempt(() => change(role, { sample: name })));
      return button;
    }));
  }
}

function renderCard(role, work) {
  const { card, part, overlay } = cards[role], picture = work && work[role], editable = !work || work.editable;
  const busy = Boolean(work && work.reading.includes(role));
  part(".empty").hidden = Boolean(picture) || busy;
  part(".busy").hidden = !busy;
  part(".overlay").toggleAttribute("hidden", !picture);
  part(".name").textContent = picture ? picture.name : "";
  card.classList.toggle("blank", !picture);
  card.classList.toggle("faceless", Boolean(picture && !picture.points.length));
  const remarks = picture ? picture.remarks : [];
  if (part(".remarks").textContent !== remarks.join(""))  // told anew only if they are new
    part(".remarks").replaceChildren(...remarks.map((line) => element("li", { textContent: line })));
  part(".tools").hidden = part(".samples").hidden = !editable;
  part(".adjust").hidden = part(".toggles").hidden = !picture;
  part(".adjust").textContent = picture && !picture.points.length ? "Draw a box" : "Adjust points";
  part(".adjust").setAttribute("aria-label", `${part(".adjust").textContent}: ${ROLES[role][0].toLowerCase()}`);
  withhold(part(".adjust"), busy);
  for (const button of part(".samples").children)
    button.setAttribute("aria-pressed", String(Boolean(picture && picture.sample === button.dataset.sample)));
  const { view } = picture ? shown(work, role) : {};
  if (!picture || card.dataset.of === view) return;
  card.dataset.of = view;  // a making tells of itself all the time: what it does not change is not drawn again
  overlay.show(shown(work, role));
  overlay.frame(false);
  part(".overlay").setAttribute("role", "img");
  part(".overlay").setAttribute("aria-label", `${picture.name}: ` + (picture.points.length ? "68 points on the face" : "no face found"));
}

const shown = (work, role) => ({ ...work[role], view: `works/${work.id}/${role}/view?${work[role].version}`,
  parts: `works/${work.id}/${role}/parts?${work[role].version}` });

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function renderProgress(work) {
  const { stage = "", done = [], notes = [], curve = [], picture = 0, step = 0, total = 1 } = work.progress;
  const shares = all.stages;  // per cent of the time
  const share = done.reduce((sum, name) => sum + shares[name], 0) + (stage === "texture" ? shares.texture * step / total : 0);
  find("bar").value = share / 100;
  find("bar").hidden = work.state !== "running";
  find("stages").hidden = work.state !== "running";
  find("stages").replaceChildren(...Object.keys(shares).map((name) => {
    const item = element("li", { textContent: name, className: done.includes(name) ? "done" : name === stage ? "now" : "" });
    if (name === stage) item.setAttribute("aria-current", "step");
    return item;
  }));
  find("notes").replaceChildren(...notes.map((line) => element("li", { textContent: line })));
  find("preview").hidden = !picture;
  const source = `works/${work.id}/preview?${work.asked}.${picture}`;
  if (picture && find("preview").getAttribute("src") !== source) find("preview").src = source;
  find("easel").hidden = Boolean(picture);
  find("easel").textContent = work.state === "queued" ? "Another portrait is being made first." : "The canvas is being prepared …";
  find("losses").hidden = curve.length < 2;
  ["style", "content"].forEach((name, index) => {
    // a mean of the last few: the views of a step differ more than the steps do
    const values = curve.map((_, i) => mean(curve.slice(Math.max(0, i - 9), i + 1).map((row) => row[index + 1])));
    const high = Math.max(...values, 1e-9);
    const points = curve.map((row, i) => `${(160 * row[0] / total).toFixed(1)} ${(46 - 44 * values[i] / high).toFixed(1)}`);
    document.querySelector(`#losses path.${name}`).setAttribute("d", points.length ? "M" + points.join("L") : "");
    document.querySelector(`#losses span.${name} b`).textContent = values.length ? values.at(-1).toFixed(3) : "";
  });
}

// What a draft waits for. The line of the state is a live region: all that a screen reader is told by itself.
function draftWords(work) {
  const first = (is) => Object.keys(ROLES).filter((role) => work && is(role)).map((role) => ROLES[role][0].toLowerCase())[0];
  const reading = first((role) => work.reading.includes(role)), missing = first((role) => !work[role]);
  if (reading) return `Reading the ${reading} …`;
  if (missing) return `Choose the ${missing}`;
  const faceless = first((role) => !work[role].points.length);
  return faceless ? `Draw a box around the face of the ${faceless}` : work ? "Ready to be made" : "";
}

function renderDesk() {
  const work = current(), state = work ? work.state : "draft";
  const busy = state === "queued" || state === "running", done = state === "done";
  document.querySelector(".board").dataset.mode = busy ? "busy" : done ? "done" : "draft";
  find("title").textContent = work && (work.photo || work.art) ? work.title : "A photo and an artwork";
  document.title = (busy ? "Making: " : "") + (work ? work.title + " · " : "") + "Portrait studio";
  const text = [WORDS[state] || draftWords(work), work && state === "running" && work.progress.stage, work && work.message].filter(Boolean);
  const said = text.join(": ");
  if (find("state").textContent !== said) find("state").textContent = said;
  find("state").dataset.state = state;
  for (const role in cards) renderCard(role, work);
  find("stage").hidden = !busy && !done;
  find("working").hidden = !busy;
  if (busy) renderProgress(work);
  hang(done ? work : null);
  find("settings").hidden = busy || done;
  find("results").hidden = !done;
  find("delete").hidden = !work || busy;
  renderSettings(work ? work.settings : all.settings);
  find("make").textContent = ["failed", "cancelled", "interrupted"].includes(state) ? "Make it again" : "Make the portrait";
  const ready = work && ["photo", "art"].every((role) => work[role] && work[role].points.length) && !work.reading.length;
  withhold(find("make"), !ready);
  if (done) renderResults(work);
}

const KNOBS = {
  scale: [(value) => value, (value) => value],
  beta: [(value) => Math.log2(Math.max(value, 0.25)), (value) => 2 ** value],
  strength: [(value) => value, (value) => value],
};

function renderSettings(settings) {
  for (const [name, [inward]] of Object.entries(KNOBS)) {
    const input = find(name);
    if (input !== document.activeElement) input.value = inward(settings[name]);
    tellKnob(name);
  }
  find("shell").checked = settings.shell;
}

function tellKnob(name) {
  const value = Number(KNOBS[name][1](Number(find(name).value)).toFixed(2));
  document.querySelector(`output[for=${name}]`).textContent = value;
  find(name).setAttribute("aria-valuetext", String(value));
}

for (const name of [...Object.keys(KNOBS), "shell"]) {
  find(name).addEventListener("input", () => { if (name !== "shell") tellKnob(name); });
  find(name).addEventListener("change", () => attempt(async () => {
    const value = name === "shell" ? find(name).checked : KNOBS[name][1](Number(find(name).value));
    const work = await desk();
    take(await ask(`works/${work.id}/settings`, { [name]: value }));
  }));
}

function renderResults(work) {
  const list = find("downloads");
  if (list.dataset.of !== work.id) {
    list.dataset.of = work.id;
    list.replaceChildren(...FILES.map(([kind, label, hint]) => element("li", {},
      element("a", { href: `works/${work.id}/download/${kind}`, download: "" }, element("b", { textContent: label }), ` ${hint}`))));
  }
  const { scale, beta, strength } = work.settings;
  const facts = [`exaggeration ${scale}`, `likeness ${Number(beta.toFixed(2))}`, `strength ${strength}`, `made in ${Math.round(work.seconds)} s`];
  if (work.pair) facts.push(`kept as pair ${work.pair}`);
  find("facts").textContent = facts.join(" · ");
}

function renderGallery() {
  const list = find("works"), here = current();
  const order = [...works.values()].filter((work) => work.photo || work.art).sort((a, b) => b.created - a.created);
  document.querySelector("#gallery .none").hidden = order.length > 0;
  const items = new Map([...list.children].map((item) => [item.dataset.id, item]));
  for (const [id, item] of items) if (!order.some((work) => work.id === id)) item.remove();
  order.forEach((work, place) => {
    let item = items.get(work.id);
    if (!item) {
      item = element("li", {}, element("a", { href: "#" + work.id }, element("span", { className: "cover" }),
        element("b"), element("small")));
      item.dataset.id = work.id;
    }
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] || null);
    const done = work.state === "done";
    const pictures = done ? [`works/${work.id}/thumb?${work.asked}`]
      : ["photo", "art"].filter((role) => work[role]).map((role) => `works/${work.id}/${role}/view?${work[role].version}`);
    const cover = item.querySelector(".cover");
    if (cover.dataset.of !== pictures.join()) {
      cover.dataset.of = pictures.join();
      cover.replaceChildren(...pictures.map((src) => element("img", { src, alt: "", loading: "lazy" })));
    }
    item.querySelector("b").textContent = work.title;
    item.querySelector("small").textContent = done ? new Date(work.created).toLocaleDateString() : WORDS[work.state] || "Not made yet";
    item.dataset.state = work.state;
    if (work === here) item.firstChild.setAttribute("aria-current", "true");
    else item.firstChild.removeAttribute("aria-current");
  });
}

function render() {
  if (!all) return;
  renderDesk();
  renderGallery();
  if (editing) renderEditor();
  // what was pressed may be gone now: who has no mouse goes on from the desk
  if (!document.activeElement.checkVisibility()) find("desk").focus({ preventScroll: true });
}

// The 3D view of a finished work; a new frame each time, for a changed one would be a step of the browser's history.
function hang(work) {
  const old = find("viewer"), address = work ? `works/${work.id}/viewer` : "";
  if (old.dataset.of === address) return;
  const viewer = old.cloneNode();
  viewer.dataset.of = address;
  viewer.hidden = !work;
  viewer.removeAttribute("src");
  if (work) {  // a picture of it until it can be turned
    viewer.src = address;
    viewer.classList.add("loading");
    viewer.addEventListener("load", () => viewer.classList.remove("loading"));
    find("stage").style.backgroundImage = `url("works/${work.id}/portrait?${work.asked}")`;
  }
  old.replaceWith(viewer);
}

// The editor of points

const editor = new Editor(document.querySelector("#editor .overlay"), {
  changed: (points) => save({ points }),
  boxed: (box) => save({ box }).then(() => { if (editor.points.length) choose("one"); }),
  said: (text) => { find("said").textContent = text; },
});
const closeUp = () => find("zoom").getAttribute("aria-pressed") === "true";
let pending = Promise.resolve(), saving = 0, latest = null;

function save(wish) {  // one after the other, points that have moved on left out, so that the last change stays
  const { role } = editing;
  latest = wish;
  saving += 1;
  editing.dirty = true;
  withhold(find("undo"), !editor.past.length);
  pending = pending.then(async () => {
    try {
      if (wish === latest || !wish.points) {
        find("editor-error").textContent = "";
        await change(role, wish);
      }
    } catch (error) {
      find("editor-error").textContent = error.message;
      if (editing) { editor.past = []; editing.version = 0; }
    } finally {
      saving -= 1;
      if (editing) renderEditor();
    }
  });
  return pending;
}

function edit(role) {
  const work = current();
  editing = { role, dirty: false };
  editor.past = [];
  find("editor-title").textContent = `Points of the ${ROLES[role][0].toLowerCase()}`;
  find("editor-error").textContent = find("said").textContent = "";
  find("editor").showModal();
  renderEditor(true);
  choose(work[role].points.length ? "one" : "box");
  editor.svg.focus();
}

function renderEditor(force = false) {
  const work = current(), { role } = editing;
  if (!work || !work[role]) { find("editor").close(); return; }
  if (editor.drag || saving) return;
  if (force || work[role].version !== editing.version) {
    editing.version = work[role].version;
    editor.show(shown(work, role));
    editor.svg.setAttribute("aria-label", `Points of ${work[role].name}`);
    editor.mark();
  }
  withhold(find("undo"), !editor.past.length);
  for (const input of document.querySelectorAll("input[name=moves]"))
    input.disabled = !work[role].points.length && input.value !== "box";
  find("editor").classList.toggle("reading", work.reading.includes(role));
}

function choose(mode) {
  document.querySelector(`input[name=moves][value=${mode}]`).checked = true;
  editor.setMode(mode);
  find("keys").hidden = mode === "box";
  editor.svg.setAttribute("aria-describedby", mode === "box" ? "boxkeys" : "keys");
  find("boxkeys").hidden = mode !== "box";
  find("zoom").hidden = mode === "box";
  editor.frame(mode !== "box" && closeUp());
}
for (const input of document.querySelectorAll("input[name=moves]"))
  input.addEventListener("change", () => choose(input.value));
find("zoom").addEventListener("click", () => {
  find("zoom").setAttribute("aria-pressed", String(!closeUp()));
  editor.frame(closeUp());
});
find("undo").addEventListener("click", () => editor.undo());
find("again").addEventListener("click", () => { editor.past = []; save({ read: true }).then(() => editor.frame(closeUp())); });
find("close").addEventListener("click", () => find("editor").close());
find("editor").addEventListener("close", () => {
  const { role, dirty } = editing;
  editing = null;
  if (dirty && current() && current()[role].points.length) pending.then(() => attempt(() => change(role, { parts: true })));
  cards[role].part(".adjust").focus();
});

// Actions

find("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => { take(await ask(`works/${current().id}/make`)); });
});
find("cancel").addEventListener("click", () => attempt(() => ask(`works/${current().id}/cancel`)));
find("vary").addEventListener("click", () => attempt(async () => {
  const work = await ask("works", { like: current().id });
  works.set(work.id, work);
  location.hash = work.id;
}));
find("delete").addEventListener("click", () => {
  if (confirm(`Delete “${current().title}” and its files?`)) attempt(() => ask(`works/${current().id}/delete`));
});
find("new").addEventListener("click", () => { location.hash = ""; });
find("keep").addEventListener("click", () => {
  find("pair-answer").textContent = "";
  find("pair-name").value = current().title.replace(/\W+/g, "_").replace(/^_+|_+$/g, "").slice(0, 64);
  find("pair").showModal();
});
find("pair-keep").addEventListener("click", async () => {
  try {
    const { command } = await ask(`works/${current().id}/keep`, { name: find("pair-name").value });
    find("pair-answer").textContent = `Kept. Now run: ${command}`;
  } catch (error) { find("pair-answer").textContent = error.message; }
});
find("error").lastElementChild.addEventListener("click", () => complain(""));
addEventListener("hashchange", () => { complain(""); render(); find("desk").focus(); scrollTo({ top: 0 }); });

function listen() {
  const stream = new EventSource("events");
  stream.addEventListener("all", (event) => {
    const first = !all;
    all = JSON.parse(event.data);
    works.clear();
    for (const work of all.works) works.set(work.id, work);
    if (first) samples();
    if (all.error) complain(all.error);
    find("lost").hidden = true;
    document.documentElement.dataset.state = "ready";
    render();
  });
  stream.addEventListener("work", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("gone", (event) => {
    const { id } = JSON.parse(event.data);
    works.delete(id);
    if (location.hash === "#" + id) location.hash = "";
    render();
  });
  stream.addEventListener("error", () => {
    find("lost").hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);  // else the browser tries again by itself
  });
}
listen();
