// What is on the paper, what was there before, and the question about it.

import * as answers from "./answer.js";
import { readPicture, readStrokes } from "./ask.js";
import * as sheet from "./sheet.js";

const PAUSE = 50; // ms between two questions while a stroke grows
const BLANK = { strokes: [], picture: null };

const undo = document.querySelector("#undo");
const clear = document.querySelector("#clear");
const file = document.querySelector("#file");
const pen = document.querySelector("#pen");
const shown = document.querySelector("#answer");

let state = BLANK;
const before = [];
let answer = null;
let selected = 0;

// One question is under way at a time, and the next one asks for what is on the paper then. What
// is cleared, undone or replaced meanwhile calls the question off.
let question = new AbortController();
let asking = false;
let timer = 0;
let live = null; // the stroke under the pen

function addStroke(stroke) {
  live = null;
  before.push(state);
  display({ strokes: [...state.strokes, stroke], picture: null });
  ask();
}

function change(next) {
  before.push(state);
  turnTo(next);
}

function turnTo(next) {
  callOff();
  display(next);
  if (isBlank()) conclude(null);
  else if (state.picture) conclude(null, "Reading …");
  if (!isBlank()) ask();
}

function display(next) {
  state = next;
  sheet.show(state);
  undo.disabled = !before.length;
  clear.disabled = isBlank();
}

const isBlank = () => state === BLANK;

function callOff() {
  question.abort();
  question = new AbortController();
  clearTimeout(timer);
  timer = 0;
  asking = false;
  live = null;
  shown.ariaBusy = false;
}

function askSoon() {
  shown.ariaBusy = true;
  timer ||= setTimeout(ask, PAUSE);
}

async function ask() {
  clearTimeout(timer);
  timer = 0;
  if (asking) return askSoon();
  shown.ariaBusy = asking = true;
  const { signal } = question;
  const strokes = live ? [...state.strokes, live] : state.strokes;
  try {
    const reading = state.picture
      ? await readPicture(state.picture, signal)
      : await readStrokes(strokes, signal);
    if (!signal.aborted) conclude(reading);
  } catch (error) {
    if (!signal.aborted) {
      conclude(null);
      answers.showProblem(error.message);
    }
  }
  if (signal.aborted) return;
  asking = false;
  shown.ariaBusy = timer !== 0;
}

function conclude(reading, nothing) {
  answer = reading;
  selected = reading && !state.picture ? newest(reading.digits) : 0;
  answers.show(answer, selected, nothing);
  sheet.showBoxes(answer, selected);
}

// The digit that the pen has just been at.
function newest(digits) {
  const [x, y] = (live ?? state.strokes.at(-1)).at(-1);
  const outside = (value, low, length) => Math.max(low - value, 0, value - low - length);
  const away = digits.map(({ box }) =>
    Math.hypot(outside(x, box.x, box.width), outside(y, box.y, box.height)),
  );
  return Math.max(0, away.indexOf(Math.min(...away)));
}

function select(index) {
  selected = index;
  answers.show(answer, selected);
  sheet.showBoxes(answer, selected);
}

function goBack() {
  if (before.length) turnTo(before.pop());
}

function wipe() {
  if (!isBlank()) change(BLANK);
}

function take(files) {
  const picture = [...files].find((one) => one.type.startsWith("image/")) ?? files[0];
  if (picture) change({ strokes: [], picture });
}

sheet.listen({
  onChange: (stroke) => {
    live = stroke;
    askSoon();
  },
  onStroke: addStroke,
  onSelect: select,
});
answers.listen(select);

undo.addEventListener("click", goBack);
clear.addEventListener("click", wipe);
pen.addEventListener("input", () => {
  sheet.setPenWidth(pen.valueAsNumber);
  sheet.showBoxes(answer, selected);
});
file.addEventListener("change", () => {
  take(file.files);
  file.value = ""; // so that the same file can be chosen again
});
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
    event.preventDefault();
    goBack();
  } else if (event.key === "Escape" || event.key === "Delete") {
    wipe();
  }
});
addEventListener("paste", (event) => take(event.clipboardData.files));
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(event.dataTransfer.files);
});

sheet.setPenWidth(pen.valueAsNumber); // a browser keeps the slider over a reload
turnTo(BLANK);
