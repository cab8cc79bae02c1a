// The list of kept corrections: found, shown by the input that they are of, and deleted.

import { correctionStatus, deleteCorrections, findCorrections } from "./api.js";

const form = document.querySelector("#search");
const count = document.querySelector("#count");
const problem = document.querySelector("#problem");
const list = document.querySelector("#list");
const more = document.querySelector("#more");

let entries = []; // that are shown, the last ones first
let total = 0;
let latest = 0; // the number of the last request: an earlier one that comes late is not shown

form.addEventListener("change", () => load());
form.addEventListener("reset", () => setTimeout(load));
form.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", () => load(entries.at(-1).id));

async function load(before) {
  const number = ++latest;
  try {
    const search = { ...query(), ...(before ? { before } : {}) };
    const found = await findCorrections(search);
    if (number !== latest) return;
    total = found.count;
    entries = before ? [...entries, ...found.corrections] : found.corrections;
    showChoices(found);
    show();
  } catch (error) {
    showProblem(error.message);
  }
}

// What the form asks for; a day is one of the reader's own time zone.
function query() {
  const { label, answer, model, day } = Object.fromEntries(new FormData(form));
  const search = Object.fromEntries(
    Object.entries({ label, answer, model }).filter(([, value]) => value),
  );
  if (!day) return search;
  const [year, month, date] = day.split("-").map(Number);
  search.since = new Date(year, month - 1, date).toISOString();
  search.until = new Date(year, month - 1, date + 1).toISOString();
  return search;
}

function showChoices({ labels, answers, models }) {
  for (const [name, values] of Object.entries({ label: labels, answer: answers, model: models })) {
    const select = form.elements[name];
    const chosen = select.value;
    const missing = chosen && !values.includes(chosen) ? [chosen] : []; // the last one was deleted
    select.replaceChildren(select.options[0], ...[...values, ...missing].map((one) => new Option(one)));
    select.value = chosen;
  }
}

function show() {
  problem.hidden = true;
  const said = total === 1 ? "1 correction" : `${total.toLocaleString("en")} corrections`;
  count.textContent = total ? said : isSearch() ? "No correction is like that." : "No corrections yet. “Wrong?” beside an answer makes one.";
  const groups = [];
  for (const entry of entries) {
    if (groups.at(-1)?.[0].input !== entry.input) groups.push([]);
    groups.at(-1).push(entry);
  }
  list.replaceChildren(...groups.map(showInput));
  more.hidden = entries.length >= total;
}

const isSearch = () => Object.keys(query()).length > 0;

function showInput(group) {
  const [first] = group;
  const article = make("article", { className: `input ${first.input_kind}` });
  const figure = make("figure");
  figure.append(showPreview(group), showCaption(first));
  const items = make("ul", { className: "entries" });
  items.append(...[...group].reverse().map(showEntry));
  article.append(figure, items);
  if (group.length > 1) {
    const all = make("button", { type: "button", className: "small-button all", textContent: `Delete all ${group.length}` });
    all.addEventListener("click", () => remove(group));
    article.append(all);
  }
  return article;
}

function showPreview(group) {
  const [{ input, input_kind, view }] = group;
  const shown = make("span", { className: "shown" });
  const alt = input_kind === "strokes" ? "The strokes" : "The picture";
  shown.append(make("img", { src: `corrections/inputs/${input}/preview`, alt, loading: "lazy" }));
  for (const { box } of group) {
    const [x, y, width, height] = view;
    const frame = make("i");
    const [padX, padY] = [0.012 * width, 0.012 * width];
    Object.assign(frame.style, {
      left: `${(100 * (box.x - x - padX)) / width}%`,
      top: `${(100 * (box.y - y - padY)) / height}%`,
      width: `${(100 * (box.width + 2 * padX)) / width}%`,
      height: `${(100 * (box.height + 2 * padY)) / height}%`,
    });
    shown.append(frame);
  }
  return shown;
}

function showCaption({ created, model, input, input_kind }) {
  const caption = make("figcaption");
  const time = new Date(created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const original = make("a", {
    href: `corrections/inputs/${input}/content`,
    textContent: input_kind === "strokes" ? "strokes" : "picture",
    title: "Save what was kept",
  });
  original.download = "";
  caption.append(time, make("br"), `model ${model} · `, original);
  return caption;
}

function showEntry(entry) {
  const item = make("li");
  const image = entry.image
    ? make("img", { src: entry.image, alt: "The digit as the model saw it", width: 56, height: 56 })
    : make("span", { className: "no-image", textContent: "line", title: "Another number of digits was found on it, so that it has no images" });
  const text = make("div");
  text.append(
    make("b", { textContent: entry.label ?? "not a digit" }),
    make("small", { textContent: describe(entry) }),
  );
  const button = make("button", { type: "button", className: "small-button", textContent: "Delete" });
  button.setAttribute("aria-label", `Delete ${entry.label ?? "not a digit"}`);
  button.addEventListener("click", () => remove([entry]));
  item.append(image, text, button);
  return item;
}

function describe({ kind, answer, accepted, probability, image }) {
  const share = `${(Math.floor(probability * 1000 + 1e-9) / 10).toFixed(1)} %`;
  if (kind === "line") return `line read as ${answer}`;
  return accepted ? `read as ${answer}, ${share}` : `rejected; best guess ${answer}, ${share}`;
}

async function remove(group) {
  const what = group.length > 1 ? `these ${group.length} corrections` : "this correction";
  if (!confirm(`Delete ${what}? It cannot be undone.`)) return;
  try {
    await deleteCorrections(group.map(({ id }) => id));
    const gone = new Set(group.map(({ id }) => id));
    entries = entries.filter(({ id }) => !gone.has(id));
    total -= group.length;
    if (entries.length) show();
    else load();
  } catch (error) {
    showProblem(error.message);
  }
}

function showProblem(message) {
  problem.textContent = message;
  problem.hidden = false;
}

const make = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);

correctionStatus()
  .then(({ kept }) => {
    if (kept) return load();
    form.hidden = true;
    count.textContent = "No corrections are kept here: the server was started without them.";
  })
  .catch((error) => showProblem(error.message));
