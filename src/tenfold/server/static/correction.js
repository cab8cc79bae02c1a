// "Wrong?": says what a digit or a whole line is. The server reads it again, and keeps it.

import { correct, correctionStatus, deleteCorrections } from "./api.js";

const MOST_BUTTONS = 40; // classes; of more, one is named
const NOT_A_DIGIT = "not a digit";

const wrong = document.querySelector("#wrong");
const form = document.querySelector("#correction");
const labels = document.querySelector("#labels");
const otherLabel = document.querySelector("#other-label");
const otherName = otherLabel.querySelector("input");
const line = document.querySelector("#line input");
const names = document.querySelector("#classes");
const kept = document.querySelector("#kept");

let isKept = false; // whether the server keeps corrections
let source = null; // the strokes or the image that the reading is of
let reading = null;
let selected = 0;
let saved = new Map(); // of this reading: the label of each digit that was corrected

correctionStatus()
  .then((status) => {
    isKept = status.kept;
    document.querySelector("nav a").hidden = !isKept;
    show(source, reading, selected);
  })
  .catch(() => {}); // a server that is gone is said where something is asked of it

/** Offer to correct the digit at `index` of a reading, and its line; null offers nothing. */
export function show(newSource, newReading, index) {
  if (newReading !== reading) {
    saved = new Map();
    kept.replaceChildren();
  }
  [source, reading, selected] = [newSource, newReading, index];
  const digit = reading?.digits[selected];
  wrong.hidden = !isKept || !digit;
  form.hidden = wrong.hidden || wrong.ariaExpanded !== "true";
  if (form.hidden) return;
  showLabels(digit);
  line.value = rowText();
}

wrong.addEventListener("click", () => {
  wrong.ariaExpanded = wrong.ariaExpanded !== "true";
  show(source, reading, selected);
});
form.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation(); // it would clear the drawing
  wrong.click();
  wrong.focus();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (document.activeElement === otherName) saveDigit(otherName.value);
  else saveLine();
});

function showLabels(digit) {
  const { classes } = reading;
  const isNamed = classes.length > MOST_BUTTONS;
  otherLabel.hidden = !isNamed;
  const offered = [...(isNamed ? [] : classes), null];
  labels.classList.toggle("digits", offered.length === 11);
  const had = labels.contains(document.activeElement) && document.activeElement.dataset.at;
  labels.replaceChildren(
    ...offered.map((label, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.at = at;
      button.textContent = label ?? NOT_A_DIGIT;
      button.ariaPressed = saved.has(selected) && saved.get(selected) === label;
      button.classList.toggle("read", label === (digit.accepted ? digit.label : null));
      button.addEventListener("click", () => saveDigit(label));
      return button;
    }),
  );
  if (had) labels.children[had]?.focus();
  if (isNamed && names.childElementCount !== classes.length) {
    names.replaceChildren(...classes.map((name) => new Option(name)));
  }
}

const row = () => reading.digits[selected].row;
const rowDigits = () => reading.digits.filter((digit) => digit.row === row());
const hasLetters = () => reading.classes.every((name) => name.length === 1);
const join = (all) => all.map((label) => label ?? "?").join(hasLetters() ? "" : " ");

// What the line is as far as it is known: corrected digits as they were corrected.
function rowText() {
  const all = reading.digits.map((digit, at) =>
    saved.has(at) ? saved.get(at) : digit.accepted ? digit.label : null,
  );
  return join(all.filter((_, at) => reading.digits[at].row === row()));
}

function saveDigit(label) {
  const at = selected;
  const { label: answer } = reading.digits[at];
  save({ digit: at, label, answer }, [[at, label]], () => `this is ${spell(label)}.`);
}

function saveLine() {
  const letters = hasLetters() ? [...line.value.replace(/\s/g, "")] : line.value.trim().split(/\s+/);
  const all = letters.map((one) => (one === "?" ? null : one));
  const rows = [...new Set(reading.digits.map((digit) => digit.row))];
  const index = rows.indexOf(row());
  const found = rowDigits();
  const first = reading.digits.indexOf(found[0]);
  const fits = all.length === found.length;
  const pairs = fits ? all.map((label, at) => [first + at, label]) : [];
  save({ line: index, labels: all, answer: reading.rows[index] }, pairs, ({ images }) => {
    const said = `the line is ${join(all)}.`;
    if (images) return said;
    const count = found.length === 1 ? "1 digit was" : `${found.length} digits were`;
    return `${said} ${count} found on it, so that it gives no images to learn from.`;
  });
}

async function save(correction, pairs, describe) {
  const of = reading;
  say("Saving …");
  try {
    const answer = await correct(source, correction);
    if (of !== reading) return;
    for (const [at, label] of pairs) saved.set(at, label);
    show(source, reading, selected);
    say(`Saved: ${describe(answer)}`, () => deleteSaved(answer.ids, pairs));
  } catch (error) {
    if (of === reading) say(error.message);
  }
}

function say(text, remove) {
  kept.replaceChildren(text);
  if (!remove) return;
  // Not "Undo": what was said of the digit before was replaced, and does not come back.
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Delete" });
  button.addEventListener("click", remove);
  kept.append(" ", button);
}

async function deleteSaved(ids, pairs) {
  const of = reading;
  try {
    await deleteCorrections(ids);
    if (of !== reading) return;
    for (const [at] of pairs) saved.delete(at);
    show(source, reading, selected);
    say("Deleted.");
  } catch (error) {
    say(error.message);
  }
}

const spell = (label) => (label === null ? NOT_A_DIGIT : /^[0-9]$/.test(label) ? `${article(label)} ${label}` : label);
const article = (digit) => (digit === "8" ? "an" : "a");
