// The state of the page (strokes or an image), its history for undo, and the requests to read it.

import { readImage, readStrokes } from "./api.js";
import * as canvas from "./canvas.js";
import * as correction from "./correction.js";
import * as result from "./result.js";

const INTERVAL = 50; // ms between two requests while a stroke grows
const BLANK = { strokes: [], image: null };

const undo = document.querySelector("#undo");
const clear = document.querySelector("#clear");
const erase = document.querySelector("#erase");
const copy = document.querySelector("#copy");
const file = document.querySelector("#file");
const pen = document.querySelector("#pen");
const output = document.querySelector("#result");

let state = BLANK;
const undoStack = [];
let reading = null;
let source = BLANK; // what the reading is of
let selected = 0;

// One request is pending at a time; the next one sends what has been drawn by then. Clearing,
// undoing or replacing the drawing aborts the pending request.
let controller = new AbortController();
let isPending = false;
let timer = 0;
let growing = null; // the stroke that is being drawn

function addStroke(stroke) {
  growing = null;
  undoStack.push(state);
  display({ strokes: [...state.strokes, stroke], image: null });
  read();
}

function change(next) {
  undoStack.push(state);
  restore(next);
}

function restore(next) {
  abort();
  display(next);
  if (isBlank()) showReading(null);
  else if (state.image) showReading(null, "Reading …");
  if (!isBlank()) read();
}

function display(next) {
  state = next;
  canvas.show(state);
  undo.disabled = !undoStack.length;
  clear.disabled = isBlank();
  erase.disabled = !state.strokes.length;
  if (erase.disabled) setEraser(false);
}

function setEraser(on) {
  erase.ariaPressed = on;
  canvas.setEraser(on);
}

function toggleEraser() {
  if (!erase.disabled) setEraser(erase.ariaPressed !== "true");
}

const isBlank = () => state === BLANK;

function abort() {
  controller.abort();
  controller = new AbortController();
  clearTimeout(timer);
  timer = 0;
  isPending = false;
  growing = null;
  output.ariaBusy = false;
}

function readSoon() {
  output.ariaBusy = true;
  timer ||= setTimeout(read, INTERVAL);
}

async function read() {
  clearTimeout(timer);
  timer = 0;
  if (isPending) return readSoon();
  output.ariaBusy = isPending = true;
  const { signal } = controller;
  const strokes = growing ? [...state.strokes, [...growing]] : state.strokes;
  try {
    const response = state.image
      ? await readImage(state.image, signal)
      : await readStrokes(strokes, signal);
    if (!signal.aborted) showReading(response, "", { strokes, image: state.image });
  } catch (error) {
    if (!signal.aborted) {
      showReading(null);
      result.showError(error.message);
    }
  }
  if (signal.aborted) return;
  isPending = false;
  output.ariaBusy = timer !== 0;
}

function showReading(newReading, message = "", of = BLANK) {
  reading = newReading;
  source = of;
  selected = reading && !state.image ? latest(reading.digits) : 0;
  result.show(reading, selected, message);
  correction.show(source, reading, selected);
  canvas.showBoxes(reading, selected);
}

// The index of the digit nearest to the end of the latest stroke.
function latest(digits) {
  const [x, y] = (growing ?? state.strokes.at(-1)).at(-1);
  const outside = (value, low, length) => Math.max(low - value, 0, value - low - length);
  const distances = digits.map(({ box }) =>
    Math.hypot(outside(x, box.x, box.width), outside(y, box.y, box.height)),
  );
  return Math.max(0, distances.indexOf(Math.min(...distances)));
}

function select(index) {
  selected = index;
  result.show(reading, selected);
  correction.show(source, reading, selected);
  canvas.showBoxes(reading, selected);
}

function undoChange() {
  if (undoStack.length) restore(undoStack.pop());
}

function clearAll() {
  if (!isBlank()) change(BLANK);
}

// Without https a browser lets a page write to the clipboard only while it handles a copy.
async function copyText() {
  try {
    await navigator.clipboard.writeText(reading.text);
    result.showCopied();
  } catch {
    document.execCommand("copy");
  }
}

function openImage(files) {
  const image = [...files].find((one) => one.type.startsWith("image/")) ?? files[0];
  if (image) change({ strokes: [], image });
}

canvas.listen({
  onChange: (stroke) => {
    growing = stroke;
    readSoon();
  },
  onStroke: addStroke,
  onErase: (strokes) => change(strokes.length ? { strokes, image: null } : BLANK),
  onSelect: select,
});
result.listen(select);

undo.addEventListener("click", undoChange);
clear.addEventListener("click", clearAll);
erase.addEventListener("click", toggleEraser);
copy.addEventListener("click", copyText);
pen.addEventListener("input", () => {
  canvas.setPenWidth(pen.valueAsNumber);
  canvas.showBoxes(reading, selected);
});
file.addEventListener("change", () => {
  openImage(file.files);
  file.value = ""; // so that the same file can be chosen again
});
const isTyping = () => document.activeElement.matches("input[type=text]");

addEventListener("keydown", (event) => {
  if (isTyping()) return;
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
    event.preventDefault();
    undoChange();
  } else if (event.key === "Escape" || event.key === "Delete") {
    clearAll();
  } else if (event.key.toLowerCase() === "e" && !event.ctrlKey && !event.metaKey && !event.altKey) {
    toggleEraser();
  }
});
addEventListener("copy", (event) => {
  if (!reading?.text || !getSelection().isCollapsed || isTyping()) return;
  event.preventDefault();
  event.clipboardData.setData("text/plain", reading.text);
  result.showCopied();
});
addEventListener("paste", (event) => openImage(event.clipboardData.files));
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
  openImage(event.dataTransfer.files);
});

canvas.setPenWidth(pen.valueAsNumber); // a browser keeps the slider over a reload
restore(BLANK);
